"""POST /me/password."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from authsvc.settings import Passwords
from tests.flows.in_process import PASSWORD, running_app, token_in
from tests.flows.test_accounts_register import NO_SERVER

NEW = "eleven silent harbours"


def change(client, headers, current=PASSWORD, new=NEW):
    posted = {"current_password": current, "new_password": new}
    return client.http.post("/me/password", json=posted, headers=headers)


def test_a_new_password_replaces_the_old_one(app_client):
    username = app_client.register()
    assert change(app_client, app_client.bearer(username)).status_code == 204
    assert app_client.login(username, NEW)["access_token"]
    old = {"username": username, "password": PASSWORD, "client_id": app_client.client_id}
    assert app_client.http.post("/login", json=old).status_code == 401


def test_every_other_session_ends_and_this_one_stays(app_client):
    username = app_client.register()
    others, headers = [app_client.login(username) for _ in range(2)], app_client.bearer(username)
    assert change(app_client, headers).status_code == 204
    assert app_client.http.get("/me", headers=headers).status_code == 200
    for tokens in others:
        bearer = {"Authorization": f"Bearer {tokens['access_token']}"}
        assert app_client.http.get("/me", headers=bearer).status_code == 401
        posted = {
            "grant_type": "refresh_token", "refresh_token": tokens["refresh_token"], "client_id": app_client.client_id,
        }  # fmt: skip
        assert app_client.http.post("/token", data=posted).json()["error"] == "invalid_grant"


def test_a_wrong_current_password_changes_nothing(app_client):
    username = app_client.register()
    answer = change(app_client, app_client.bearer(username), current="not this one at all")
    assert (answer.status_code, answer.json()["error"]) == (403, "invalid_credentials")
    assert "www-authenticate" not in answer.headers
    assert app_client.login(username)["access_token"]


def test_wrong_current_passwords_are_throttled_together_with_sign_ins(app_client):
    username = app_client.register()
    headers = app_client.bearer(username)
    with ThreadPoolExecutor(8) as pool:
        answers = pool.map(lambda n: change(app_client, headers, current=f"guess number {n}"), range(16))
        statuses = [answer.status_code for answer in answers]
    looks = Passwords().per_address.free
    assert sorted(statuses) == [403] * looks + [429] * (16 - looks)
    right = change(app_client, headers)
    assert right.status_code == 429
    assert int(right.headers["retry-after"]) > 0
    posted = {"username": username, "password": PASSWORD, "client_id": app_client.client_id}
    assert app_client.http.post("/login", json=posted).status_code == 429


@pytest.mark.parametrize("new", ["too short", "qwerty123456789", "a" * 16, "x" * 1025], ids=len)
def test_a_new_password_is_judged_as_at_registration(shared_app, new):
    answer = change(shared_app, shared_app.bearer(shared_app.register()), new=new)
    assert answer.status_code == 422
    assert [error["field"] for error in answer.json()["errors"]] == ["new_password"]
    assert new not in answer.text


def test_the_verified_address_is_told(migrated_url, tmp_path):
    with running_app(migrated_url, tmp_path, mail=NO_SERVER) as client:
        username = client.register(email="ana@example.org")
        headers = client.bearer(username)
        token = token_in(client.letters()[0].text)
        assert client.http.post("/me/email/confirm", json={"token": token}, headers=headers).status_code == 200
        assert change(client, headers).status_code == 204
        (letter,) = client.letters()
        assert (letter.recipient, letter.subject) == ("ana@example.org", "Your password was changed")


def test_an_unverified_address_is_told_nothing(migrated_url, tmp_path):
    with running_app(migrated_url, tmp_path, mail=NO_SERVER) as client:
        username = client.register(email="not.mine@example.org")
        client.letters()
        assert change(client, client.bearer(username)).status_code == 204
        assert client.letters() == []
