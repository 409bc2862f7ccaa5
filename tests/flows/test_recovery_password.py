"""POST /password/forgot and /password/reset: only the mailed link sets a new password; nobody learns who is known."""

import sqlite3
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import replace

import pytest

from authsvc.settings import Passwords, Registration
from authsvc.storage.sql.links import SqlLinks
from authsvc.storage.sql.outbox import SqlOutbox
from authsvc.web import edge
from tests.flows.hosts import FOREIGN_HOSTS
from tests.flows.in_process import BEHIND_PROXY, FEW, ISSUER, PASSWORD, running_app, token_in
from tests.flows.test_accounts_register import NO_SERVER

NEW = "eleven silent harbours"


@pytest.fixture
def client(tmp_path):
    with running_app(f"sqlite:///{tmp_path}/authsvc.db", tmp_path) as running:
        yield running


def forgot(client, username="ana", **headers):
    return client.http.post("/password/forgot", json={"username": username}, headers=headers)


def reset(client, token, new=NEW, path=""):
    return client.http.post(f"{path}/password/reset", json={"token": token, "new_password": new})


def sign_in(client, username="ana", password=PASSWORD):
    posted = {"username": username, "password": password, "client_id": client.client_id}
    return client.http.post("/login", json=posted)


@contextmanager
def change(client):
    uow = client.storage.unit_of_work(client.tenant.id)
    try:
        uow.begin()
        yield uow
        uow.commit()
    finally:
        uow.close()


def register(client, username, email=None, *, verified=True):
    posted = {"username": username, "password": PASSWORD} | ({"email": email} if email else {})
    assert client.http.post("/register", json=posted).status_code == 201
    with change(client) as uow:
        user = uow.users.find_by_login(username)
        if email and verified:
            assert uow.users.verify_email(user.id, email)
    client.letters()
    return user.id


def a_link(client, username="ana", **headers):
    assert forgot(client, username, **headers).status_code == 202
    (letter,) = client.letters()
    return token_in(letter.text)


def refused(answer):
    return (answer.status_code, answer.json()["error"]) == (400, "invalid_token")


def test_the_mailed_link_gives_a_new_password_and_ends_every_sign_in(migrated_url, tmp_path):
    with running_app(migrated_url, tmp_path) as client:
        register(client, "ana", "ana@example.org")
        register(client, "ben", "ben@example.org")
        tokens, others = [client.login("ana") for _ in range(2)], client.login("ben")
        token = a_link(client, "ANA@example.org")
        assert sign_in(client).status_code == 200, "a letter changes nothing"
        assert reset(client, token).status_code == 204
        assert sign_in(client).status_code == 401
        assert sign_in(client, password=NEW).status_code == 200
        for old in tokens:
            bearer = {"Authorization": f"Bearer {old['access_token']}"}
            assert client.http.get("/me", headers=bearer).status_code == 401
            posted = {
                "grant_type": "refresh_token", "refresh_token": old["refresh_token"], "client_id": client.client_id,
            }  # fmt: skip
            assert client.http.post("/token", data=posted).json()["error"] == "invalid_grant"
        bearer = {"Authorization": f"Bearer {others['access_token']}"}
        assert client.http.get("/me", headers=bearer).status_code == 200


def test_a_letter_tells_that_it_was_done(client):
    register(client, "ana", "ana@example.org")
    assert reset(client, a_link(client)).status_code == 204
    (letter,) = client.letters()
    assert (letter.recipient, letter.subject) == ("ana@example.org", "Your password was changed")
    assert "as_ml_" not in letter.text + letter.html
    assert NEW not in letter.text + letter.html


def test_one_address_may_name_a_few_people_and_then_waits_known_or_not(tmp_path):
    few = Passwords(failure_seconds=0, forgotten_per_address=FEW)
    with running_app(f"sqlite:///{tmp_path}/authsvc.db", tmp_path, passwords=few, http=BEHIND_PROXY) as client:
        register(client, "ana", "ana@example.org")

        def ask(username, address="192.0.2.1"):
            return forgot(client, username, **{"X-Forwarded-For": address})

        assert [ask(f"somebody{number}").status_code for number in range(3)] == [202] * 3
        known, unknown = ask("ana"), ask("nobody")
        for answer in (known, unknown):
            assert answer.status_code == 429
            assert 0 < int(answer.headers["retry-after"]) <= 60
        assert {**known.json(), "request_id": ""} == {**unknown.json(), "request_id": ""}
        assert client.letters() == []
        assert ask("ana", "192.0.2.2").status_code == 202
        assert len(client.letters()) == 1


def test_the_answer_is_the_same_whoever_it_is(client):
    register(client, "ana", "ana@example.org")
    register(client, "ben", "ben@example.org", verified=False)
    register(client, "cleo")
    disabled = register(client, "dora", "dora@example.org")
    with change(client) as uow:
        assert uow.users.disable(disabled, client.clock())
    names = ("ana", "ana@example.org", "nobody", "nobody@example.org", "ben", "ben@example.org", "cleo", "dora")
    answers = [forgot(client, name) for name in names]

    def told(answer):
        return answer.content, {name: value for name, value in answer.headers.items() if name != "x-request-id"}

    assert {answer.status_code for answer in answers} == {202}
    assert all(told(answer) == told(answers[0]) for answer in answers)
    assert [letter.recipient for letter in client.letters()] == ["ana@example.org"] * 2


def test_for_nobody_the_same_is_written_and_nothing_of_it_stays(client, monkeypatch):
    register(client, "ana", "ana@example.org")
    register(client, "unproved", "ben@example.org", verified=False)
    written = []
    for store in (SqlLinks, SqlOutbox):
        add = store.add

        def counted(self, row, add=add):
            written.append(type(row).__name__)
            add(self, row)

        monkeypatch.setattr(store, "add", counted)
    for name, letters in (("ana", 1), ("nobody", 0), ("unproved", 0), ("x" * 1_024, 0)):
        written.clear()
        assert forgot(client, name).status_code == 202
        assert written == ["MailedLink", "Letter"]
        assert len(client.letters()) == letters
    with closing(sqlite3.connect(client.settings.database_url.removeprefix("sqlite:///"))) as connection:
        assert connection.execute("SELECT count(*) FROM mailed_links").fetchone() == (1,)


def test_who_types_the_id_of_a_person_takes_no_link_away(client):
    user_id = register(client, "ana", "ana@example.org")
    token = a_link(client)
    assert forgot(client, str(user_id)).status_code == 202
    assert client.letters() == []
    assert reset(client, token).status_code == 204


def test_every_answer_waits_for_the_same_instant(client, monkeypatch):
    register(client, "ana", "ana@example.org")
    waits = []

    async def note(arrived, step_seconds):
        waits.append(step_seconds)

    monkeypatch.setattr(edge, "_sleep_to_multiple", note)
    for name in ("ana", "nobody", "nobody@example.org"):
        forgot(client, name)
    assert len(waits) == 3


@pytest.mark.parametrize("typed", ["ANA@EXAMPLE.ORG", " ana@example.org ", "ａna@example.org"])
def test_the_letter_goes_to_the_address_that_is_stored_whatever_was_typed(client, typed):
    register(client, "ana", "ana@example.org")
    assert forgot(client, typed).status_code == 202
    assert [letter.recipient for letter in client.letters()] == ["ana@example.org"]


@pytest.mark.parametrize("name", ["ana", "nobody", "nobody@example.org"])
def test_requests_for_one_name_are_counted_known_or_not(client, name):
    register(client, "ana", "ana@example.org")
    answers = [forgot(client, name) for _ in range(6)]
    assert [answer.status_code for answer in answers] == [202] * 5 + [429]
    assert int(answers[-1].headers["retry-after"]) > 0


def test_a_second_name_of_a_person_gives_no_further_letters_and_does_not_tell(client):
    register(client, "ana", "ana@example.org")
    answers = [forgot(client, name) for name in ["ana", "ana@example.org"] * 5]
    assert {answer.status_code for answer in answers} == {202}
    assert len(client.letters()) == 5


@pytest.mark.parametrize(
    "how",
    [
        "used", "superseded", "expired", "truncated", "another-kind", "unknown", "empty", "another tenant's",
        "of a registration", "of an address",
    ],
)  # fmt: skip
def test_every_bad_token_gets_one_answer_and_changes_nothing(tmp_path, how):
    confirming = Registration(confirm_mail=True)
    with running_app(f"sqlite:///{tmp_path}/authsvc.db", tmp_path, mail=NO_SERVER, registration=confirming) as client:
        client.http.post("/register", json={"username": "ana", "email": "ana@example.org"})
        confirmed = {"token": token_in(client.letters()[0].text), "password": PASSWORD}
        assert client.http.post("/register/confirm", json=confirmed).is_success
        token, path = a_link(client), ""
        if how == "used":
            assert reset(client, token, PASSWORD + "!").status_code == 204
            client.letters()
            assert reset(client, a_link(client), PASSWORD).status_code == 204
        elif how == "superseded":
            a_link(client)
        elif how == "expired":
            client.clock.move(seconds=1_801)
        elif how == "another tenant's":
            path = "/t/nowhere"
        elif how == "of a registration":
            client.http.post("/register", json={"username": "ben", "email": "ben@example.org"})
            token = token_in(client.letters()[0].text)
        elif how == "of an address":
            bearer = client.bearer("ana")
            assert client.http.patch("/me", json={"email": "new@example.org"}, headers=bearer).is_success
            token = token_in(client.letters()[0].text)
        else:
            swapped = token[:-1] + ("A" if token[-1] != "A" else "B")
            token = {
                "truncated": token[:-1],
                "another-kind": token.replace("as_ml_", "as_cs_"),
                "unknown": swapped,
                "empty": "",
            }[how]
        answer = reset(client, token, path=path)
        assert refused(answer) or (path and answer.status_code == 404)
        assert sign_in(client, password=NEW).status_code == 401
        assert sign_in(client).status_code == 200


def end_deleted(uow, user_id, now):
    uow.users.delete(user_id)


def end_disabled(uow, user_id, now):
    assert uow.users.disable(user_id, now)


@pytest.mark.parametrize("end", [end_deleted, end_disabled], ids=["deleted", "disabled"])
def test_the_link_is_worth_nothing_once_its_person_is_out(client, end):
    user_id = register(client, "ana", "ana@example.org")
    token = a_link(client)
    with change(client) as uow:
        end(uow, user_id, client.clock())
    assert refused(reset(client, token))


@pytest.mark.parametrize("email", [None, "new@example.org"], ids=["removed", "changed"])
def test_the_link_is_worth_nothing_once_the_address_is_another(client, email):
    register(client, "ana", "ana@example.org")
    token = a_link(client)
    assert client.http.patch("/me", json={"email": email}, headers=client.bearer("ana")).is_success
    assert refused(reset(client, token))
    assert sign_in(client).status_code == 200


def test_a_changed_password_makes_the_link_worthless(client):
    register(client, "ana", "ana@example.org")
    token = a_link(client)
    posted = {"current_password": PASSWORD, "new_password": "nineteen silver anchors"}
    assert client.http.post("/me/password", json=posted, headers=client.bearer("ana")).status_code == 204
    assert refused(reset(client, token))


def test_the_other_links_of_the_person_die(tmp_path):
    with running_app(f"sqlite:///{tmp_path}/authsvc.db", tmp_path, mail=NO_SERVER) as client:
        register(client, "ana", "ana@example.org")
        headers = client.bearer("ana")
        assert client.http.patch("/me", json={"email": "mallory@example.org"}, headers=headers).status_code == 200
        (letter,) = client.letters()
        assert reset(client, a_link(client)).status_code == 204
        posted, bearer = {"token": token_in(letter.text)}, client.bearer("ana", NEW)
        assert refused(client.http.post("/me/email/confirm", json=posted, headers=bearer))


@pytest.mark.parametrize(
    "new", ["too short", "qwerty123456789", "a" * 16, "x" * 1025, "ana@example.org.", "ANA-and-the-long-name"], ids=len
)
def test_a_password_that_may_not_be_chosen_leaves_the_link_unused(client, new):
    register(client, "ana-and-the-long-name", "ana@example.org.example")
    token = a_link(client, "ana-and-the-long-name")
    if new == "ana@example.org.":
        new = "ana@example.org.example"
    answer = reset(client, token, new)
    assert answer.status_code == 422
    assert [error["field"] for error in answer.json()["errors"]] == ["new_password"]
    assert new not in answer.text
    assert reset(client, token).status_code == 204


def test_of_eight_uses_of_one_link_at_once_one_sets_the_password(unhurried, migrated_url, tmp_path):
    with running_app(migrated_url, tmp_path) as client:
        register(client, "ana", "ana@example.org")
        token = a_link(client)
        passwords = [f"{NEW} {number}" for number in range(8)]
        with ThreadPoolExecutor(8) as pool:
            statuses = list(pool.map(lambda new: reset(client, token, new).status_code, passwords))
        assert sorted(statuses) == [204] + [400] * 7
        assert sign_in(client, password=passwords[statuses.index(204)]).status_code == 200


def test_whoever_was_kept_out_by_guesses_gets_in_with_the_new_password(client):
    register(client, "ana", "ana@example.org")
    while sign_in(client, password="a wrong guess").status_code != 429:
        pass
    assert reset(client, a_link(client)).status_code == 204
    assert sign_in(client, password=NEW).status_code == 200


@pytest.mark.parametrize("headers", FOREIGN_HOSTS)
def test_no_header_of_the_request_gets_into_a_letter(client, headers):
    register(client, "ana", "ana@example.org")
    assert forgot(client, **headers).status_code == 202
    (letter,) = client.letters()
    assert f"{ISSUER}/ui/reset?token=" in letter.text
    assert "evil" not in letter.text + letter.html


def test_letters_speak_the_persons_language_else_the_browsers(client):
    user_id = register(client, "ana", "ana@example.org")
    forgot(client, **{"Accept-Language": "de-AT,en;q=0.5"})
    assert client.letters()[0].subject == "Wählen Sie ein neues Passwort"
    with change(client) as uow:
        user = uow.users.get(user_id)
        uow.users.save_profile(replace(user, details={"locale": "ja-JP"}))
    forgot(client, **{"Accept-Language": "de-AT,en;q=0.5"})
    assert client.letters()[0].subject == "新しいパスワードの設定"


@pytest.mark.parametrize(
    ("path", "posted", "field"),
    [
        pytest.param("/password/forgot", {}, "username", id="nobody"),
        pytest.param("/password/forgot", {"username": ""}, "username", id="empty"),
        pytest.param("/password/forgot", {"username": "x" * 1_025}, "username", id="overlong"),
        pytest.param("/password/forgot", {"username": "ana", "email": "evil@example.org"}, "email", id="an address"),
        pytest.param("/password/reset", {"new_password": NEW}, "token", id="no token"),
        pytest.param("/password/reset", {"token": "as_ml_x"}, "new_password", id="no password"),
        pytest.param("/password/reset", {"token": "t", "new_password": NEW, "username": "b"}, "username", id="a name"),
    ],
)
def test_what_is_missing_or_unknown_is_named(shared_app, path, posted, field):
    answer = shared_app.http.post(path, json=posted)
    assert answer.status_code == 422
    assert [error["field"] for error in answer.json()["errors"]] == [field]


@pytest.mark.parametrize("path", ["/password/forgot", "/password/reset"])
def test_a_foreign_page_may_not_ask(shared_app, path):
    posted = {"username": "ana"} if path.endswith("forgot") else {"token": "t", "new_password": NEW}
    assert shared_app.http.post(path, json=posted, headers={"Origin": "https://evil.example"}).status_code == 403
