"""People sign out with a real browser: the clients' frames load under the page's policy, and it goes on by itself."""

import re
from dataclasses import replace
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect

from authsvc.domain.parties.clients import check_client
from authsvc.domain.parties.relying_parties import RelyingParty
from authsvc.storage.sql.engine import open_storage
from tests.browsers.site import CLIENT, Site, publish, visiting
from tests.browsers.test_sign_in import home, sign_in
from tests.flows.relying_party import VERIFIER

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


@pytest.fixture
def told(site: Site) -> str:
    """The id of a client that is told of the end in a frame; its page notes that in the browser."""
    storage = open_storage(site.installation.settings.database_url, pool_size=1, cache=None)
    uow = storage.unit_of_work(site.installation.tenant.id)
    party = RelyingParty(
        redirect_uris=(site.callback,), post_logout_redirect_uris=(f"{site.client}/after",), skips_consent=True,
        frontchannel_logout_uri=f"{site.client}/front?a=b", frontchannel_logout_session_required=True,
    )  # fmt: skip
    try:
        uow.begin()
        client = uow.clients.get(CLIENT)
        assert client is not None
        if uow.clients.get("framed") is None:
            uow.clients.add(check_client(replace(client, id="framed", relying_party=party, version=1)))
        uow.commit()
    finally:
        uow.close()
        storage.close()
    publish("/front", "<!doctype html><title>Front</title><script>document.cookie = 'told=yes'</script>")
    publish("/after", "<!doctype html><title>After</title><h1>Good-bye from the shop</h1>")
    return "framed"


def tokens(site: Site, page: Page, client_id: str) -> dict[str, str]:
    """What the client gets for the code that the browser has brought."""
    fields = {
        "grant_type": "authorization_code", "client_id": client_id, "code": home(page)["code"][0],
        "redirect_uri": site.callback, "code_verifier": VERIFIER,
    }  # fmt: skip
    answer = httpx.post(f"{site.issuer}/token", data=fields, trust_env=False, timeout=60)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


@pytest.mark.parametrize("scripts", [True, False], ids=["with scripts", "without scripts"])
def test_a_client_sends_a_person_to_sign_out_and_has_them_back(chromium: Browser, site: Site, told: str, scripts: bool):
    with visiting(chromium, java_script_enabled=scripts) as person:
        page = person.page
        page.goto(site.ask(client_id=told))
        sign_in(page)
        hint = tokens(site, page, told)["id_token"]
        after = {"id_token_hint": hint, "post_logout_redirect_uri": f"{site.client}/after", "state": "st-9"}
        said = page.goto(f"{site.issuer}/connect/logout?{urlencode(after)}")
        assert said is not None
        assert "You are signed out" in said.text()
        page.wait_for_url(re.compile("/after"))
        assert parse_qs(urlsplit(page.url).query) == {"state": ["st-9"]}
        (framed,) = [address for address in person.requests if "/front" in address]
        assert parse_qs(urlsplit(framed).query).keys() == {"a", "iss", "sid"}
        assert person.complaints == []
        page.goto(site.ask(client_id=told))
        expect(page.get_by_role("button", name="Sign in")).to_be_visible()


def test_another_site_signs_nobody_out(chromium: Browser, site: Site, told: str):
    publish(
        "/evil",
        f"""<!doctype html><title>Evil</title>
        <img src="{site.issuer}/connect/logout?client_id={told}" alt="">
        <iframe src="{site.issuer}/connect/logout?client_id={told}" title="x"></iframe>
        <form method="post" action="{site.issuer}/ui/logout"><input name="csrf"><button>Win</button></form>""",
    )
    with visiting(chromium) as person:
        page = person.page
        page.goto(site.ask(client_id=told))
        sign_in(page)
        home(page)
        page.goto(f"{site.other}/evil")
        page.wait_for_load_state("networkidle")
        page.get_by_role("button", name="Win").click()
        expect(page.get_by_role("heading", name="This did not come from here")).to_be_visible()
        page.goto(site.ask(client_id=told))
        assert home(page)["code"], "still signed in"
