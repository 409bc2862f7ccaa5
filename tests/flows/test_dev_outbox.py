"""/dev/outbox: letters of `authsvc dev` alone, for who sits at the machine alone."""

import httpx
import pytest

from authsvc.app import build
from authsvc.outbound.kept_mail import KeptMail
from authsvc.settings import Settings
from tests.cli.running import wait_until
from tests.flows.browser import Page
from tests.flows.in_process import serving
from tests.flows.world import ISSUER, Installation, World, install


@pytest.fixture
def installation(tmp_path) -> Installation:
    return install(f"sqlite:///{tmp_path}/authsvc.db", tmp_path)


def test_letters_are_kept_and_shown_with_links_that_work(installation):
    kept = KeptMail()
    with (
        serving(build(installation.settings, kept=kept).edge) as transport,
        httpx.Client(transport=transport, base_url=ISSUER) as http,
    ):
        assert "There is none yet." in http.get("/dev/outbox").text
        assert http.post("/password/forgot", json={"username": "alice"}).status_code == 202
        wait_until(kept.letters)
        page = http.get("/dev/outbox")
        assert "Alice@Example.com" in page.text
        assert "Choose a new password" in page.text
        links = Page(page.text).links
        (link,) = [found for found in links if "token=" in found]
        assert http.get(link).status_code == 200
        (as_sent,) = [found for found in links if "html=" in found]
        shown = http.get(f"/dev/{as_sent}")
        assert link in shown.text
        assert "sandbox" in shown.headers["content-security-policy"]
        assert http.get("/dev/outbox?html=unknown").status_code == 404
        for host in ("evil.example", "evil.example:8000", "localhost.evil.example", "127.0.0.1.evil.example"):
            answer = http.get("/dev/outbox", headers={"Host": host})
            assert answer.status_code == 404
            assert "token=" not in answer.text


def test_no_other_server_has_the_page(small_world: World):
    assert small_world.http.get("/dev/outbox").status_code == 404


@pytest.mark.parametrize("issuer", ["https://login.example.com", "https://localhost.example.com"])
def test_letters_are_kept_on_loopback_only(installation, issuer):
    settings: Settings = installation.settings.model_copy(update={"issuer": issuer})
    with pytest.raises(ValueError, match="loopback"):
        build(settings, kept=KeptMail())
