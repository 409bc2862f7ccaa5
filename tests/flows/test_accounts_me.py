"""GET, PATCH, DELETE /me."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.flows.in_process import PASSWORD, running_app, token_in
from tests.flows.test_accounts_register import NO_SERVER

LATER = 301
"""Seconds: a moment more than a recent login may be old (and an access token may live: hence the refresh)."""


def refreshed(client, tokens):
    """A fresh account token of an old sign-in."""
    posted = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"], "client_id": client.client_id}
    answer = client.http.post("/token", data=posted)
    assert answer.status_code == 200, answer.text
    return {"Authorization": f"Bearer {answer.json()['access_token']}"}


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/me"), ("PATCH", "/me"), ("DELETE", "/me"), ("POST", "/me/password"), ("POST", "/me/email/confirm")],
)
def test_without_an_account_token_nothing_is_told(shared_app, method, path):
    username = shared_app.register()
    bodies = {"/me/password": {"current_password": "x", "new_password": "y"}, "/me/email/confirm": {"token": "x"}}
    body = bodies.get(path, {})
    sent = {"json": body} if method in {"POST", "PATCH"} else {}
    assert shared_app.http.request(method, path, **sent).status_code == 401
    wrong = {"Authorization": f"Bearer {shared_app.login(username, scope='openid')['access_token']}"}
    refused = shared_app.http.request(method, path, headers=wrong, **sent)
    assert refused.status_code in {401, 403}
    assert "www-authenticate" in refused.headers


def test_names_can_be_changed_and_removed(app_client):
    username = app_client.register(name="Ana", email="ana@example.org")
    headers = app_client.bearer(username)
    changed = app_client.http.patch("/me", json={"name": "Ana B", "username": "Ana.B"}, headers=headers)
    assert changed.status_code == 200
    assert (changed.json()["name"], changed.json()["username"]) == ("Ana B", "Ana.B")
    removed = app_client.http.patch("/me", json={"name": None, "email": None}, headers=headers)
    assert (removed.json()["name"], removed.json()["email"]) == (None, None)
    assert app_client.http.get("/me", headers=headers).json() == removed.json()
    assert app_client.login("ana.b")["access_token"]


def test_what_the_account_page_changes_can_be_changed_here_and_apps_are_told(app_client):
    username = app_client.register()
    headers = app_client.bearer(username)
    details = {"given_name": "Ana", "family_name": "Bell", "nickname": "Annie", "locale": "pt-BR"}
    changed = app_client.http.patch("/me", json=details, headers=headers)
    assert changed.status_code == 200
    assert changed.json() == app_client.http.get("/me", headers=headers).json()
    assert changed.json().items() >= details.items()
    token = app_client.login(username, scope="openid profile")["access_token"]
    told = app_client.http.get("/userinfo", headers={"Authorization": f"Bearer {token}"}).json()
    assert told.items() >= details.items()
    removed = app_client.http.patch("/me", json={"nickname": None}, headers=headers).json()
    assert (removed["nickname"], removed["given_name"]) == (None, "Ana")


def test_every_detail_that_cannot_be_used_is_named_and_nothing_is_stored(shared_app):
    headers = shared_app.bearer(shared_app.register())
    wrong = {
        "name": "x" * 201, "given_name": "", "family_name": "\u202e", "nickname": "x" * 201, "locale": "not a language",
        "username": "a@b", "email": "nowhere",
    }  # fmt: skip
    answer = shared_app.http.patch("/me", json=wrong, headers=headers)
    assert answer.status_code == 422
    assert {error["field"] for error in answer.json()["errors"]} == wrong.keys()
    account = shared_app.http.get("/me", headers=headers).json()
    assert [account[name] for name in sorted(wrong.keys() - {"username"})] == [None] * 6


def test_an_empty_change_changes_nothing(shared_app):
    headers = shared_app.bearer(shared_app.register(name="Ana"))
    before = shared_app.http.get("/me", headers=headers)
    after = shared_app.http.patch("/me", json={}, headers=headers)
    assert (after.status_code, after.json()) == (200, before.json())


@pytest.mark.parametrize(
    "field", ["email_verified", "sub", "id", "disabled_at", "password_hash", "password", "version", "created_at"]
)
def test_fields_that_are_not_the_persons_are_refused_by_name(shared_app, field):
    headers = shared_app.bearer(shared_app.register(email="ana@example.org"))
    answer = shared_app.http.patch("/me", json={"name": "x", field: True}, headers=headers)
    assert answer.status_code == 422
    assert [error["field"] for error in answer.json()["errors"]] == [field]
    account = shared_app.http.get("/me", headers=headers).json()
    assert (account["name"], account["email_verified"]) == (None, False)


def test_a_name_that_is_taken_is_a_conflict(app_client):
    taken, headers = app_client.register(), app_client.bearer(app_client.register())
    assert app_client.http.patch("/me", json={"username": taken.upper()}, headers=headers).status_code == 409


def test_of_changes_at_the_same_time_each_is_stored_or_a_conflict(app_client):
    headers = app_client.bearer(app_client.register())

    def rename(number):
        answer = app_client.http.patch("/me", json={"name": f"name {number}"}, headers=headers)
        return answer.status_code, f"name {number}"

    with ThreadPoolExecutor(8) as pool:
        outcomes = list(pool.map(rename, range(16)))
    assert {status for status, _ in outcomes} <= {200, 409}
    stored = app_client.http.get("/me", headers=headers).json()["name"]
    assert stored in [name for status, name in outcomes if status == 200]


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        pytest.param("PATCH", "/me", {"email": "new@example.org"}, id="address"),
        pytest.param("PATCH", "/me", {"email": None}, id="address-removed"),
        pytest.param("PATCH", "/me", {"username": "other"}, id="username"),
        pytest.param("DELETE", "/me", None, id="deletion"),
        pytest.param(
            "POST", "/me/password", {"current_password": PASSWORD, "new_password": "an entirely new one"}, id="password"
        ),
    ],
)
def test_what_is_grave_needs_a_recent_login(app_client, method, path, body):
    username = app_client.register(email="ana@example.org")
    tokens = app_client.login(username)
    app_client.clock.move(seconds=LATER)
    answer = app_client.http.request(method, path, json=body, headers=refreshed(app_client, tokens))
    assert answer.status_code == 401
    challenge = answer.headers["www-authenticate"]
    assert 'error="insufficient_user_authentication"' in challenge
    assert 'max_age="300"' in challenge
    again = app_client.http.request(method, path, json=body, headers=app_client.bearer(username))
    assert again.status_code in {200, 204}


def test_a_displayed_name_needs_no_recent_login(app_client):
    tokens = app_client.login(app_client.register())
    app_client.clock.move(seconds=LATER)
    headers = refreshed(app_client, tokens)
    assert app_client.http.patch("/me", json={"name": "Ana"}, headers=headers).status_code == 200


def test_a_deleted_account_is_gone_with_its_tokens_and_its_sub_never_returns(app_client):
    username = app_client.register()
    tokens = app_client.login(username)
    headers = {"Authorization": f"Bearer {tokens['access_token']}"}
    sub = app_client.http.get("/me", headers=headers).json()["sub"]
    assert app_client.http.delete("/me", headers=headers).status_code == 204
    assert app_client.http.get("/me", headers=headers).status_code == 401
    posted = {
        "grant_type": "refresh_token",
        "refresh_token": tokens["refresh_token"],
        "client_id": app_client.client_id,
    }
    assert app_client.http.post("/token", data=posted).json()["error"] == "invalid_grant"
    again = app_client.http.post("/register", json={"username": username, "password": PASSWORD})
    assert again.status_code == 201
    assert again.json()["sub"] != sub
    assert app_client.http.get("/me", headers=headers).status_code == 401


def test_without_a_mail_server_a_new_address_is_stored_unverified(app_client):
    headers = app_client.bearer(app_client.register(email="old@example.org"))
    answer = app_client.http.patch("/me", json={"email": "new@example.org"}, headers=headers)
    assert (answer.json()["email"], answer.json()["email_verified"]) == ("new@example.org", False)
    assert app_client.letters() == []


@pytest.fixture
def mailing(migrated_url, tmp_path):
    """The application with a mail server; its user `ana` has a verified address."""
    with running_app(migrated_url, tmp_path, mail=NO_SERVER) as client:
        client.http.post("/register", json={"username": "ana", "password": PASSWORD, "email": "old@example.org"})
        (letter,) = client.letters()
        confirmed = client.http.post(
            "/me/email/confirm", json={"token": token_in(letter.text)}, headers=client.bearer("ana")
        )
        assert confirmed.json()["email_verified"] is True
        yield client


def test_a_new_address_replaces_the_old_one_only_when_confirmed_and_the_old_one_is_told(mailing):
    headers = mailing.bearer("ana")
    answer = mailing.http.patch("/me", json={"email": "new@example.org"}, headers=headers)
    assert (answer.status_code, answer.json()["email"], answer.json()["pending_email"]) == (
        200, "old@example.org", "new@example.org",
    )  # fmt: skip
    (letter,) = mailing.letters()
    assert letter.recipient == "new@example.org"
    assert mailing.login("old@example.org")["access_token"]
    confirmed = mailing.http.post("/me/email/confirm", json={"token": token_in(letter.text)}, headers=headers)
    assert (confirmed.json()["email"], confirmed.json()["email_verified"]) == ("new@example.org", True)
    (notice,) = mailing.letters()
    assert notice.recipient == "old@example.org"
    assert "no longer uses this address" in notice.text
    assert "new@example.org" not in notice.text
    posted = {"username": "old@example.org", "password": PASSWORD, "client_id": mailing.client_id}
    assert mailing.http.post("/login", json=posted).status_code == 401


def test_a_link_serves_only_the_account_that_asked_for_it(mailing):
    mailing.http.patch("/me", json={"email": "new@example.org"}, headers=mailing.bearer("ana"))
    token = token_in(mailing.letters()[0].text)
    stranger = mailing.bearer(mailing.register())
    assert mailing.http.post("/me/email/confirm", json={"token": token}, headers=stranger).status_code == 400
    answer = mailing.http.post("/me/email/confirm", json={"token": token}, headers=mailing.bearer("ana"))
    assert answer.status_code == 200


def test_an_address_that_another_verified_first_is_a_conflict(mailing):
    mailing.http.patch("/me", json={"email": "shared@example.org"}, headers=mailing.bearer("ana"))
    other = mailing.register(email="Shared@example.org")
    first, second = [token_in(letter.text) for letter in mailing.letters()]
    assert mailing.http.post(
        "/me/email/confirm", json={"token": second}, headers=mailing.bearer(other)
    ).status_code == 200  # fmt: skip
    answer = mailing.http.post("/me/email/confirm", json={"token": first}, headers=mailing.bearer("ana"))
    assert answer.status_code == 409


def test_a_link_for_an_address_that_is_no_longer_wanted_is_dead(mailing):
    headers = mailing.bearer("ana")
    mailing.http.patch("/me", json={"email": "new@example.org"}, headers=headers)
    token = token_in(mailing.letters()[0].text)
    assert mailing.http.patch("/me", json={"email": None}, headers=headers).json()["email"] is None
    assert mailing.http.post("/me/email/confirm", json={"token": token}, headers=headers).status_code == 400
    (notice,) = mailing.letters()
    assert notice.recipient == "old@example.org"
