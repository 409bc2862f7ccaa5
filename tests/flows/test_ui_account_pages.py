"""/ui/account and its pages in a browser without scripts: what a person sees of their account, and how it changes."""

import json
import re

import pytest

from authsvc.crypto import opaque
from authsvc.domain.sign_in.consents import Consent
from authsvc.settings import Mail
from tests.flows.browser import SAME_ORIGIN, Browser, Page
from tests.flows.mailed import letters, link_in, token_of
from tests.flows.test_ui_login import visitor
from tests.flows.world import ISSUER, OTHER_PASSWORD, PASSWORD, World, running_world

NEW = "eleven silent harbours"
PATHS = ("profile", "sign-in", "password", "sessions", "apps", "keys", "data", "delete")
NO_SERVER = Mail(smtp_host="127.0.0.1", smtp_port=1, smtp_security="none")


@pytest.fixture
def mailing(tmp_path):
    with running_world(f"sqlite:///{tmp_path}/authsvc.db", tmp_path, mail=NO_SERVER) as world:
        yield world


def signed_in(world: World, username: str = "alice", **headers: str) -> Browser:
    browser = Browser(world)
    browser.http.headers.update(headers)
    assert browser.sign_in(browser.begin(), username).status_code == 303
    return browser


def at(path: str) -> str:
    return f"/ui/account/{path}"


def done(answer) -> bool:
    return answer.status_code == 303 and "done=" in answer.headers["location"]


def is_in(browser: Browser) -> bool:
    return browser.get("/ui/account").status_code == 200


@pytest.mark.parametrize("path", ["/ui/account", *map(at, PATHS)])
def test_whoever_is_not_signed_in_signs_in_first_and_comes_to_the_account(small_world: World, path):
    browser = Browser(small_world)
    answer = browser.get(path)
    assert answer.status_code == 303
    assert re.fullmatch(rf"{ISSUER}/ui/continue\?flow=as_co_[\w-]+", answer.headers["location"])
    login = browser.get(answer.headers["location"]).headers["location"]
    answer = browser.submit(login.removeprefix(ISSUER), username="alice", password=PASSWORD)
    assert browser.get(answer.headers["location"]).headers["location"] == f"{ISSUER}/ui/account"
    assert "alice" in browser.page("/ui/account").text
    assert browser.get(path).status_code == 200


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("how", ["no token", "another browser's", "another form's", "foreign site"])
def test_a_form_of_another_browser_page_or_site_changes_nothing(small_world: World, path, how):
    browser = signed_in(small_world)
    signed_in(small_world)
    rows = small_world.rows()
    csrf, headers = browser.page(at(path)).forms[0].fields["csrf"] if path != "apps" else "", dict(SAME_ORIGIN)
    if how == "no token":
        csrf = ""
    elif how == "another browser's":
        csrf = signed_in(small_world).page(at("password")).forms[0].fields["csrf"]
        rows = small_world.rows()
    elif how == "another form's":
        csrf = browser.page(at("data" if path != "data" else "delete")).forms[0].fields["csrf"]
    else:
        headers |= {"Sec-Fetch-Site": "cross-site"}
    filled = {"csrf": csrf, "username": "mallory", "current_password": PASSWORD, "new_password": NEW, "sure": "yes",
              "others": "1", "withdraw": "stranger", "name": "M", "days": "7", "scope:es256:read": "1"}  # fmt: skip
    assert browser.send(at(path), filled, headers).status_code == 403
    assert {**small_world.rows(), "audit": 0} == {**rows, "audit": 0}
    assert is_in(browser)


def test_the_profile_is_what_apps_then_show(small_world: World):
    browser = signed_in(small_world)
    answer = browser.submit(at("profile"), name="Alice Liddell", given_name="Alice", family_name="", locale="de")
    assert done(answer)
    user = small_world.user()
    assert (user.name, dict(user.details)) == ("Alice Liddell", {"given_name": "Alice", "locale": "de"})
    assert user.updated_at == small_world.clock()
    page = browser.get(answer.headers["location"]).text
    assert '<html lang="de"' in page
    assert "Gespeichert." in page


@pytest.mark.parametrize(
    "name", ["email_verified", "phone_number_verified", "sub", "username", "email", "password_hash"]
)
def test_no_other_field_can_be_written_with_the_profile(small_world: World, name):
    before = small_world.user()
    browser = signed_in(small_world)
    assert done(browser.submit(at("profile"), **{name: "true"}, nickname="Ali"))  # type: ignore[arg-type]
    after = small_world.user()
    assert dict(after.details) == {"nickname": "Ali"}
    assert (after.username, after.email, after.email_verified) == (before.username, before.email, before.email_verified)


def test_a_text_that_cannot_be_one_is_shown_and_not_stored(small_world: World):
    answer = signed_in(small_world).submit(at("profile"), name="x" * 201, locale="../../etc")
    assert answer.status_code == 422
    assert answer.text.count("This cannot be used here.") == 4
    assert small_world.user().name == "Alice"


def test_a_new_address_counts_once_its_link_was_used_by_who_asked(mailing: World):
    browser = signed_in(mailing)
    answer = browser.submit(at("sign-in"), email="new@example.com")
    assert "done=letter" in answer.headers["location"]
    assert mailing.user().email == "Alice@Example.com"
    (letter,) = letters(mailing)
    link = link_in(letter)
    assert "Please sign in first" in Browser(mailing).get(link).text
    other = signed_in(mailing, "bob")
    answer = other.submit(link)
    assert answer.status_code == 400
    assert "does not work for this account" in answer.text
    assert done(browser.submit(link))
    user = mailing.user()
    assert (user.email, user.email_verified) == ("new@example.com", True)
    assert "The address is confirmed." in browser.page("/ui/account?done=address").text
    assert browser.submit(link).status_code == 400
    assert [letter.subject for letter in letters(mailing)] == ["Your address was changed"]


def test_what_one_signs_in_with_asks_for_the_password_once_the_sign_in_is_old(mailing: World):
    browser = signed_in(mailing)
    mailing.clock.move(seconds=301)
    before = browser.cookie(opaque.SESSION)
    for password, status in ((None, 422), ("wrong", 403)):
        fields = {"username": "alicia"} | ({"current_password": password} if password else {})
        assert browser.submit(at("sign-in"), form=0, **fields).status_code == status
        assert mailing.user("alice").username == "alice"
    answer = browser.submit(at("sign-in"), username="alicia", current_password=PASSWORD)
    assert done(answer)
    assert mailing.user("alicia").username == "alicia"
    assert browser.cookie(opaque.SESSION) != before, "what was known before is worth nothing after it"
    assert is_in(browser)
    found = visitor(mailing, browser.cookie(opaque.SESSION))
    assert found is not None
    assert found.browser.session.authenticated_at == mailing.clock()


def test_a_name_that_is_taken_is_not_given(small_world: World):
    answer = signed_in(small_world).submit(at("sign-in"), username="BOB")
    assert answer.status_code == 409
    assert "Somebody has this name already" in answer.text


def test_a_new_password_ends_every_other_sign_in_and_changes_this_ones_cookie(world: World):
    browser, other = signed_in(world), signed_in(world)
    tokens, before = world.tokens(), browser.cookie(opaque.SESSION)
    assert browser.submit(at("password"), current_password="wrong", new_password=NEW).status_code == 403
    assert browser.submit(at("password"), current_password=PASSWORD, new_password="short").status_code == 422
    assert browser.submit(at("password"), current_password=PASSWORD).status_code == 422
    assert is_in(other)
    assert done(browser.submit(at("password"), current_password=PASSWORD, new_password=NEW))
    assert is_in(browser)
    assert not is_in(other)
    assert browser.cookie(opaque.SESSION) != before
    assert world.refresh(tokens["refresh_token"]).json()["error"] == "invalid_grant"
    assert world.login(password=NEW, scope="openid").status_code == 200


def test_sign_ins_are_listed_with_place_and_device_and_ended_one_by_one(small_world: World):
    phone = signed_in(small_world, **{"User-Agent": "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0) CriOS/130 Safari/604"})
    browser = signed_in(small_world, **{"User-Agent": "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Firefox/140.0"})
    tokens = small_world.tokens()
    page = browser.page(at("sessions"))
    for words in ("Firefox on Linux", "this browser", "Chrome on iPhone", "127.0.0.1", "In the app app"):
        assert words in page.text
    ends = [dict(form.buttons) for form in page.forms]
    assert len(ends) == 3, "one for the phone, one for the app, one for all others"
    found = visitor(small_world, phone.cookie(opaque.SESSION))
    assert found is not None
    assert done(browser.submit(at("sessions"), end=str(found.browser.session.id)))
    assert not is_in(phone)
    assert is_in(browser)
    assert small_world.refresh(tokens["refresh_token"]).status_code == 200


def test_all_others_end_at_once(small_world: World):
    others, browser, tokens = [signed_in(small_world) for _ in range(2)], signed_in(small_world), small_world.tokens()
    assert done(browser.submit(at("sessions"), others="1"))
    assert [is_in(other) for other in others] == [False, False]
    assert is_in(browser)
    assert small_world.refresh(tokens["refresh_token"]).status_code == 400


@pytest.mark.parametrize("what", ["another person's", "unknown", "nonsense", "empty"])
def test_nobody_ends_a_sign_in_of_somebody_else(small_world: World, what):
    bob, browser = signed_in(small_world, "bob"), signed_in(small_world)
    signed_in(small_world)
    found = visitor(small_world, bob.cookie(opaque.SESSION))
    assert found is not None
    session_id = {
        "another person's": str(found.browser.session.id), "unknown": "00000000-0000-4000-8000-000000000000",
        "nonsense": "'; DROP TABLE sessions", "empty": "",
    }[what]  # fmt: skip
    assert done(browser.submit(at("sessions"), end=session_id))
    assert is_in(bob)
    assert is_in(browser)


def test_an_app_that_is_withdrawn_is_signed_out(small_world: World):
    now, user = small_world.clock(), small_world.user()
    with small_world.change() as uow:
        uow.consents.give(Consent(user.id, "stranger", frozenset({"openid", "email", "es256:read"}),
                                  frozenset({"https://es256.example"}), frozenset(), now, now))  # fmt: skip
    browser = signed_in(small_world)
    page = browser.page(at("apps"))
    for words in ("stranger", "Know that it is you", "See your e-mail address", "Use ES256 in your name", "es256:read"):
        assert words in page.text
    assert done(browser.submit(at("apps"), withdraw="stranger"))
    assert "You have not allowed any app anything yet." in browser.page(at("apps")).text


def test_a_key_is_shown_once_used_and_revoked(small_world: World):
    browser = signed_in(small_world)
    answer = browser.submit(at("keys"), form=0, **{"name": "Backup", "scope:es256:read": "1", "days": "30"})
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"
    found = re.search(r"as_ak_[\w-]+", answer.text)
    assert found is not None
    page = browser.page(at("keys"))
    assert "Backup" in page.text
    assert found[0] not in page.text
    (key,) = stored_keys(small_world)
    assert (key.scopes, key.resources) == (frozenset({"es256:read"}), frozenset({"https://es256.example"}))
    assert key.expires_at is not None
    assert (key.expires_at - key.created_at).days in {29, 30}
    bob = signed_in(small_world, "bob")
    assert done(bob.submit(at("keys"), revoke=str(key.id)))
    assert stored_keys(small_world)[0].revoked_at is None
    assert done(browser.submit(at("keys"), revoke=str(key.id)))
    assert stored_keys(small_world) == ()


def stored_keys(world: World):
    uow = world.storage.unit_of_work(world.tenant.id)
    try:
        return uow.api_keys.list(user_id=world.user().id)
    finally:
        uow.close()


@pytest.mark.parametrize(
    "fields",
    [
        pytest.param({"name": ""}, id="no name"),
        pytest.param({"scope:es256:read": ""}, id="no scope"),
        pytest.param({"scope:account": "1"}, id="the account"),
        pytest.param({"scope:es256:admin": "1"}, id="a scope that is none"),
        pytest.param({"days": "36500"}, id="longer than offered"),
        pytest.param({"days": "x"}, id="no number"),
    ],
)
def test_a_key_reaches_no_further_than_is_offered(small_world: World, fields):
    filled = {"name": "K", "scope:es256:read": "1", "days": "7"} | fields
    answer = signed_in(small_world).submit(at("keys"), form=0, **filled)
    assert answer.status_code == 422
    assert "as_ak_" not in answer.text
    assert stored_keys(small_world) == ()


def test_a_key_needs_the_password_once_the_sign_in_is_old(small_world: World):
    browser = signed_in(small_world)
    small_world.clock.move(seconds=301)
    filled = {"name": "K", "scope:es256:read": "1", "days": "7"}
    assert browser.submit(at("keys"), form=0, **filled).status_code == 422
    assert browser.submit(at("keys"), form=0, **filled, current_password="no").status_code == 403
    assert stored_keys(small_world) == ()
    assert browser.submit(at("keys"), form=0, **filled, current_password=PASSWORD).status_code == 200
    assert len(stored_keys(small_world)) == 1
    assert is_in(browser)


def test_the_export_holds_the_persons_data_and_no_secret(small_world: World):
    browser = signed_in(small_world)
    browser.submit(at("keys"), form=0, **{"name": "Backup", "scope:es256:read": "1", "days": "30"})
    answer = browser.submit(at("data"))
    assert answer.headers["content-disposition"] == 'attachment; filename="account.json"'
    content = json.loads(answer.text)
    assert content["account"]["username"] == "alice"
    assert len(content["sign_ins"]) == 1
    assert content["api_keys"][0]["name"] == "Backup"
    hashes = [str(small_world.user().password_hash), opaque.hash_secret(str(browser.cookie(opaque.SESSION)))]
    assert not [secret for secret in [*hashes, "argon2", "as_ak_", "as_se_", "bob"] if secret in answer.text]


def test_an_account_is_deleted_by_its_password_and_a_clear_yes(world: World):
    browser, user_id = signed_in(world), world.user().id
    for fields in ({"current_password": PASSWORD}, {"sure": "yes"}, {"sure": "yes", "current_password": "wrong"}):
        assert browser.submit(at("delete"), form=0, **fields).status_code in {403, 422}
        assert world.user().id == user_id
    answer = browser.submit(at("delete"), sure="yes", current_password=PASSWORD)
    assert answer.status_code == 200
    assert "The account is deleted" in answer.text
    assert browser.cookie(opaque.SESSION) is None
    assert world.login(scope="openid").status_code == 401
    assert not is_in(browser)


def test_guesses_at_the_password_here_are_those_of_every_sign_in(small_world: World):
    browser = signed_in(small_world)
    fields = {"sure": "yes", "current_password": "wrong"}
    statuses = [browser.submit(at("delete"), form=0, **fields).status_code for _ in range(6)]
    assert statuses == [403] * 5 + [429]
    assert small_world.login(scope="openid").status_code == 429


def test_a_disabled_person_sees_nothing(small_world: World):
    browser = signed_in(small_world)
    with small_world.change() as uow:
        assert uow.users.disable(small_world.user().id, small_world.clock())
    assert [browser.get(at(path)).status_code for path in PATHS] == [303] * len(PATHS)


def test_the_cookie_of_one_tenant_is_nobody_in_another(small_world: World):
    browser = signed_in(small_world)
    assert browser.get("/t/other/ui/account").status_code == 303
    assert OTHER_PASSWORD != PASSWORD


def test_markup_in_names_is_shown_as_it_is(small_world: World):
    browser = signed_in(small_world)
    browser.submit(at("profile"), name="<script>alert(2)</script>", nickname='"><img src=x>')
    shown = browser.get(at("profile")).text
    assert "&lt;script&gt;alert(2)" in shown
    assert "&gt;&lt;img src=x" in shown
    for path in ("/ui/account", *map(at, PATHS)):
        text = re.sub(r"<style>.*?</style>", "", browser.get(path).text, flags=re.DOTALL)
        assert "<script" not in text
        assert "<img" not in text


@pytest.mark.parametrize("path", ["/ui/account", *map(at, PATHS), "/ui/me/email/confirm"])
def test_each_page_is_sound_html_with_a_name_for_every_field(small_world: World, path):
    page = Page(signed_in(small_world).get(path).text)
    labels = {found["for"] for tag, found in page.elements if tag == "label" and "for" in found}
    ids = [found["id"] for tag, found in page.elements if "id" in found]
    assert len(ids) == len(set(ids))
    fields = [found for tag, found in page.elements if tag in {"input", "select"} and found.get("type") != "hidden"]
    assert all(found.get("id") in labels or found.get("type") == "checkbox" for found in fields)
    assert [tag for tag, _ in page.elements].count("h1") == 1
    assert token_of("?token=x") == "x"
