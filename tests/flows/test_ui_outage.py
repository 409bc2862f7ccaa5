"""PostgreSQL goes away amid what a person does in a browser: calm words, nothing half-done, and on it goes."""

import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from urllib.parse import parse_qs, urlencode, urljoin, urlsplit

import httpx
import pytest

from tests.flows.browser import Browser, Page
from tests.flows.mailed import letters, link_in
from tests.flows.relying_party import add_client, asked, redeem
from tests.flows.test_ui_account_pages import done
from tests.flows.test_ui_recovery_reset import NEW
from tests.flows.world import ISSUER, PASSWORD, World, running_world
from tests.harness.postgres import Cluster, running_cluster
from tests.harness.requirements import require

pytestmark = pytest.mark.slow
UNAVAILABLE = 503
MOST_TRIES = 100
OF_JOBS = {"signing_keys", "change_feed"}


@dataclass(slots=True)
class Person:
    """Somebody whose every request first meets a database that has just crashed, and is then made again."""

    world: World
    cluster: Cluster
    browser: Browser

    def get(self, url: str) -> httpx.Response:
        return self.insist(lambda: self.browser.get(url))

    def submit(self, url: str, **fields: str) -> httpx.Response:
        """The page is open already when the database goes away."""
        form = Page(patiently(lambda: self.browser.get(url)).text).forms[0]
        where = urljoin(urljoin(ISSUER, url), form.action)
        return self.insist(lambda: self.browser.send(where, form.fields | fields))

    def rows(self) -> dict[str, int]:
        """How many there are of what requests write."""
        return {name: count for name, count in self.world.rows().items() if name not in OF_JOBS}

    def insist(self, send: Callable[[], httpx.Response]) -> httpx.Response:
        before, cookies = self.rows(), sorted(self.browser.http.cookies.items())
        self.cluster.stop(immediate=True)
        try:
            check_calm(send())
        finally:
            self.cluster.start()
        assert self.rows() == before
        assert sorted(self.browser.http.cookies.items()) == cookies
        return patiently(send)


def patiently(send: Callable[[], httpx.Response]) -> httpx.Response:
    """As the page says: wait a little, then reload."""
    answer, tries = send(), 0
    while answer.status_code == UNAVAILABLE and tries < MOST_TRIES:
        check_calm(answer)
        time.sleep(0.5)
        answer, tries = send(), tries + 1
    assert answer.status_code in (200, 303), answer.text
    return answer


def check_calm(answer: httpx.Response) -> None:
    assert answer.status_code == UNAVAILABLE, (answer.status_code, answer.text)
    assert int(answer.headers["retry-after"]) > 0
    assert "set-cookie" not in answer.headers
    if answer.headers["content-type"].startswith("text/html"):
        assert "Nothing was lost or changed." in Page(answer.text).text
    else:
        assert answer.json()["request_id"]
    assert not re.search(r"psycopg|sqlalchemy|127\.0\.0\.1", answer.text, re.IGNORECASE)


@pytest.fixture(scope="module")
def fragile(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[World, Cluster]]:
    require("postgresql")
    with (
        running_cluster() as cluster,
        running_world(cluster.url(), tmp_path_factory.mktemp("outage")) as world,
    ):
        add_client(world, first_party=False)
        yield world, cluster


@pytest.fixture
def person(fragile: tuple[World, Cluster]) -> Person:
    world, cluster = fragile
    return Person(world, cluster, Browser(world))


def test_from_the_app_through_sign_in_and_consent_to_tokens(person: Person):
    login = person.get(f"/authorize?{urlencode(asked())}").headers["location"]
    person.get(login)
    back = person.submit(login, username="alice", password=PASSWORD).headers["location"]
    consent = person.get(back).headers["location"]
    person.get(consent)
    back = person.submit(consent, decision="allow").headers["location"]
    answered = parse_qs(urlsplit(person.get(back).headers["location"]).query)
    assert person.insist(lambda: redeem(person.world, answered["code"][0])).json()["id_token"]


def test_at_the_account(person: Person):
    browser = person.browser
    handle = browser.begin()
    person.submit(f"/ui/login?flow={handle}", username="alice", password=PASSWORD)
    person.get("/ui/account")
    assert done(person.submit("/ui/account/profile", name="Alice B"))
    assert person.world.user().name == "Alice B"


def test_a_forgotten_password(person: Person):
    assert person.submit("/ui/forgot", username="alice").status_code == 303
    (letter,) = letters(person.world)
    link = link_in(letter)
    person.get(link)
    assert person.submit(link, new_password=NEW).status_code == 303
    assert patiently(lambda: person.world.login(username="alice", password=NEW, scope="openid")).json()["access_token"]
