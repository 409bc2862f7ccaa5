"""/ui/register in a browser without scripts: at once, or by the mailed link; nobody learns whose address is known."""

from collections.abc import Iterator

import pytest

from authsvc.crypto import opaque
from authsvc.settings import Registration
from tests.flows.browser import Browser, Page, errand
from tests.flows.in_process import FEW
from tests.flows.mailed import letters, link_in, token_of
from tests.flows.test_ui_login import events, visitor
from tests.flows.world import ISSUER, PASSWORD, World, running_world

FILLED = {"username": "nina", "password": PASSWORD, "email": "nina@example.com", "name": "Nina"}


@pytest.fixture
def confirming(tmp_path) -> Iterator[World]:
    """A world where an account needs the mailed link."""
    url, registration = f"sqlite:///{tmp_path}/authsvc.db", Registration(confirm_mail=True)
    with running_world(url, tmp_path, registration=registration) as world:
        yield world


def sign_up(browser: Browser, handle: str, **fields: str):
    return browser.submit(f"/ui/register?flow={handle}", form=0, **(FILLED | fields))


def test_who_signs_up_is_signed_in_and_goes_on(world: World):
    browser = Browser(world)
    handle = browser.begin(parameters={"prompt": "create"})
    assert "to continue to app" in browser.page(f"/ui/register?flow={handle}").text
    answer = sign_up(browser, handle)
    assert (answer.status_code, answer.headers["location"]) == (303, f"{ISSUER}/ui/continue?flow={handle}")
    found = visitor(world, browser.cookie(opaque.SESSION))
    assert found is not None
    assert (found.user.username, found.user.name, found.user.email) == ("nina", "Nina", "nina@example.com")
    assert found.user.email_verified is False
    assert found.browser.session.amr == ("pwd",)
    stored = errand(world, handle)
    assert (stored.session_id, stored.done) == (found.browser.session.id, frozenset({"create"}))
    assert events(world, answer) == [("user.registered", "app", None)]


def test_without_an_errand_signing_up_leads_to_the_account(small_world: World):
    browser = Browser(small_world)
    answer = browser.get("/ui/register")
    assert answer.status_code == 303
    answer = browser.submit(answer.headers["location"].removeprefix(ISSUER), form=0, **FILLED)
    assert browser.get(answer.headers["location"]).headers["location"] == f"{ISSUER}/ui/account"


def test_another_persons_sign_in_ends(small_world: World):
    browser = Browser(small_world)
    browser.sign_in(browser.begin())
    before = browser.cookie(opaque.SESSION)
    sign_up(browser, browser.begin())
    found = visitor(small_world, before)
    assert found is not None
    assert found.browser.session.ended_at is not None
    assert browser.cookie(opaque.SESSION) != before


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        pytest.param({"username": ""}, "letters, digits", id="no name"),
        pytest.param({"username": "a@b"}, "letters, digits", id="an address as name"),
        pytest.param({"username": "Alice"}, "Somebody has this name already", id="a name that is taken"),
        pytest.param({"email": "nina@"}, "such as name@example.com", id="no address"),
        pytest.param({"password": ""}, "Enter a new password.", id="no password"),
        pytest.param({"password": "too short"}, "too short", id="a short password"),
        pytest.param({"password": "nina@example.com"}, "your own name", id="the address as password"),
        pytest.param({"name": "x" * 201}, "cannot be used", id="a long name"),
        pytest.param({"email_verified": "true", "password": "x"}, "too short", id="further fields do nothing"),
    ],
)
def test_what_cannot_be_used_is_shown_at_its_field_and_the_rest_is_kept(small_world: World, fields, words):
    browser, rows = Browser(small_world), small_world.rows()
    handle = browser.begin()
    answer = sign_up(browser, handle, **fields)
    assert answer.status_code == 422
    assert words in answer.text
    form = Page(answer.text).forms[0].fields
    assert form["password"] == ""
    assert form["username"] == (FILLED | fields)["username"]
    assert browser.cookie(opaque.SESSION) is None
    counted = {"continuations": 0, "audit": 0, "attempts": 0}
    assert {**small_world.rows(), **counted} == {**rows, **counted}


def test_who_tries_many_names_waits_and_is_told_so(tmp_path):
    url, few = f"sqlite:///{tmp_path}/authsvc.db", Registration(per_address=FEW)
    with running_world(url, tmp_path, registration=few) as world:
        browser = Browser(world)
        handle = browser.begin()
        answers = [sign_up(browser, handle, username=name) for name in ("alice", "bob", "alice", "nina")]
        assert [answer.status_code for answer in answers] == [422, 422, 422, 429]
        assert "too many attempts" in answers[-1].text
        assert int(answers[-1].headers["retry-after"]) == 60


def test_markup_in_a_field_is_shown_as_it_is(small_world: World):
    browser = Browser(small_world)
    answer = sign_up(browser, browser.begin(), username='"><script>alert(1)</script>')
    assert "<script>" not in answer.text
    assert Page(answer.text).forms[0].fields["username"] == '"><script>alert(1)</script>'


def test_with_confirmation_nobody_is_a_user_before_the_form_behind_the_link(confirming: World):
    browser = Browser(confirming)
    handle = browser.begin()
    answer = sign_up(browser, handle)
    assert answer.status_code == 303
    sent = browser.page(answer.headers["location"])
    assert "Look into your mailbox" in sent.text
    assert f"continue?flow={handle}" in sent.links
    assert browser.cookie(opaque.SESSION) is None
    (letter,) = letters(confirming)
    link = link_in(letter)
    for _ in range(2):
        assert Browser(confirming).get(link).status_code == 200
    assert not confirming.login(username="nina", scope="openid").is_success
    phone = Browser(confirming)
    answer = phone.submit(link, password=PASSWORD)
    assert "Your account is ready" in phone.page(answer.headers["location"]).text
    assert phone.cookie(opaque.SESSION) is None, "a link signs nobody in"
    assert events(confirming, answer) == [("user.registered", None, None)]
    assert confirming.login(username="nina", scope="openid").is_success
    assert phone.get(link).status_code == 400


def test_the_password_is_chosen_behind_the_link_by_who_reads_the_letter(confirming: World):
    stranger = Browser(confirming)
    handle = stranger.begin()
    assert "password" not in stranger.page(f"/ui/register?flow={handle}").forms[0].fields
    assert sign_up(stranger, handle, password="known to a stranger").status_code == 303
    link, owner = link_in(letters(confirming)[0]), Browser(confirming)
    shown = owner.page(link)
    assert "nina" in shown.text
    assert "nina@example.com" in shown.text
    for password, words in (
        ("", "Enter a new password."),
        ("too short", "too short"),
        ("nina@example.com", "own name"),
    ):
        answer = owner.submit(link, password=password)
        assert (answer.status_code, words in answer.text) == (422, True)
    assert owner.submit(link, password=PASSWORD).status_code == 303
    assert not confirming.login(username="nina", password="known to a stranger", scope="openid").is_success
    assert confirming.login(username="nina", scope="openid").is_success


def test_the_page_is_the_same_for_a_known_address(confirming: World):
    def told(email):
        browser = Browser(confirming)
        answer = sign_up(browser, browser.begin(), email=email, username=f"u{email[0]}")
        page = browser.get(answer.headers["location"])
        return answer.status_code, len(answer.headers["location"]), sorted(answer.headers), len(page.text)

    assert told("new@example.com") == told("alice@example.com")
    known, new = sorted(letters(confirming), key=lambda letter: letter.recipient)
    assert "as_ml_" in new.text
    assert "as_ml_" not in known.text
    assert known.subject == "You have an account already"


@pytest.mark.parametrize("how", ["used", "sibling", "expired", "of a reset", "another tenant's", "empty"])
def test_a_dead_link_makes_nobody(confirming: World, how):
    browser = Browser(confirming)
    sign_up(browser, browser.begin())
    link, path = link_in(letters(confirming)[0]), "/ui/register/confirm"
    token, names = token_of(link), ["nina"]
    if how == "used":
        assert browser.submit(link, password=PASSWORD).status_code == 303
        names = []
    elif how == "sibling":
        sign_up(browser, browser.begin(), username="other")
        assert browser.submit(link_in(letters(confirming)[0]), password=PASSWORD).status_code == 303
    elif how == "expired":
        confirming.clock.move(seconds=1_801)
    elif how == "of a reset":
        browser.submit("/ui/forgot", username="alice")
        token = token_of(link_in(letters(confirming)[0]))
    elif how == "another tenant's":
        path = "/t/other/ui/register/confirm"
    else:
        token = ""
    rows = confirming.rows()["users"]
    answer = browser.send(path, browser.page(path).forms[0].fields | {"token": token, "password": PASSWORD})
    assert answer.status_code == 400
    assert "does not work any more" in answer.text
    assert confirming.rows()["users"] == rows
    for name in names:
        assert not confirming.login(username=name, scope="openid").is_success


def test_where_nobody_may_sign_up_there_is_no_page(tmp_path):
    url = f"sqlite:///{tmp_path}/authsvc.db"
    with running_world(url, tmp_path, registration=Registration(open=False)) as world:
        browser = Browser(world)
        page = browser.page(f"/ui/login?flow={browser.begin()}")
        assert not [link for link in page.links if "register" in link]
        assert browser.get("/ui/register").status_code == 404
        assert browser.get("/ui/register/confirm").status_code == 404
