"""POST /register: sign-up at once."""

from concurrent.futures import ThreadPoolExecutor
from uuid import UUID

import pytest

from authsvc.settings import Mail, Registration
from tests.flows.in_process import BEHIND_PROXY, FEW, ISSUER, PASSWORD, running_app, token_in

NO_SERVER = Mail(smtp_host="127.0.0.1", smtp_port=1, smtp_security="none")
"""Mail is configured, but every letter stays in the outbox, where the test can read it."""


def test_a_registration_is_answered_with_a_location_that_answers_to_its_owner(app_client):
    posted = {"username": "Ana", "password": PASSWORD, "email": "ana@example.org", "name": "Ana B"}
    answer = app_client.http.post("/register", json=posted)
    assert answer.status_code == 201
    assert answer.headers["location"] == f"{ISSUER}/me"
    assert answer.headers["cache-control"] == "no-store"
    account = answer.json()
    assert (account["username"], account["email"], account["name"]) == ("Ana", "ana@example.org", "Ana B")
    assert account["email_verified"] is False
    assert UUID(account["sub"]).version == 4
    owner = app_client.http.get(answer.headers["location"], headers=app_client.bearer("ana"))
    assert (owner.status_code, owner.json()) == (200, account)


def test_a_form_registers_as_json_does(app_client):
    answer = app_client.http.post("/register", data={"username": "form", "password": PASSWORD, "email": ""})
    assert answer.status_code == 201
    assert answer.json()["email"] is None
    assert app_client.login("form")["access_token"]


@pytest.mark.parametrize("taken", ["ana", "ANA", "ａｎａ"])
def test_a_taken_name_is_taken_in_every_spelling(app_client, taken):
    posted = {"username": "Ana", "password": PASSWORD}
    assert app_client.http.post("/register", json=posted).status_code == 201
    again = app_client.http.post("/register", json={**posted, "username": taken})
    assert again.status_code == 409
    assert again.headers["content-type"] == "application/problem+json"


def test_of_two_registrations_of_one_name_at_once_one_wins_and_none_fails(app_client):
    def post(number):
        posted = {"username": "wanted", "password": f"{PASSWORD} {number}"}
        return app_client.http.post("/register", json=posted).status_code

    with ThreadPoolExecutor(8) as pool:
        statuses = sorted(pool.map(post, range(8)))
    assert statuses == [201] + [409] * 7


def test_every_bad_field_is_named_at_once(shared_app):
    posted = {"username": "a b", "password": "short", "email": "nowhere"}
    answer = shared_app.http.post("/register", json=posted)
    assert answer.status_code == 422
    assert [error["field"] for error in answer.json()["errors"]] == ["username", "email", "password"]
    assert all(error["message"] for error in answer.json()["errors"])


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        pytest.param({"password": "fourteen chars"}, "password", id="password-of-14-characters"),
        pytest.param({"password": "QWERTY123456789"}, "password", id="common-password"),
        pytest.param({"password": "a" * 20}, "password", id="one-letter-password"),
        pytest.param({"password": "é" * 513}, "password", id="password-of-1026-bytes"),
        pytest.param({"username": "averylongusername", "password": "AVeryLongUserName"}, "password", id="own-name"),
        pytest.param({"email": "someone@example.org", "password": "someone@example.org"}, "password", id="own-address"),
        pytest.param({"username": "a@example.org"}, "username", id="address-as-name"),
        pytest.param({"username": ""}, "username", id="empty-name"),
        pytest.param({"username": "x" * 65}, "username", id="name-of-65-characters"),
        pytest.param({"username": 7}, "username", id="number-as-name"),
        pytest.param({"email": "a@@example.org"}, "email", id="two-ats"),
        pytest.param({"email": "a@example.org\u2028bcc: b@example.org"}, "email", id="line-separator-in-address"),
        pytest.param({"name": "x" * 201}, "name", id="name-of-201-characters"),
    ],
)  # fmt: skip
def test_a_field_that_cannot_be_used_is_named(shared_app, changed, field):
    posted = {"username": "someone", "password": PASSWORD, **changed}
    answer = shared_app.http.post("/register", json=posted)
    assert answer.status_code == 422
    assert [error["field"] for error in answer.json()["errors"]] == [field]
    values = [str(value) for value in changed.values() if len(str(value)) > 2]
    assert not [value for value in values if value in answer.text]


@pytest.mark.parametrize(
    "field", ["email_verified", "id", "sub", "disabled_at", "password_hash", "version", "created_at", "tenant_id"]
)
def test_fields_that_are_not_the_callers_are_refused_by_name(shared_app, field):
    answer = shared_app.http.post("/register", json={"username": "someone", "password": PASSWORD, field: "true"})
    assert answer.status_code == 422
    assert [error["field"] for error in answer.json()["errors"]] == [field]


def test_a_field_name_that_could_be_anything_is_not_echoed(shared_app):
    answer = shared_app.http.post("/register", json={"username": "a", "password": PASSWORD, "<script>x": 1})
    assert answer.status_code == 422
    assert "script" not in answer.text


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        pytest.param({}, 201, id="program"),
        pytest.param({"Origin": ISSUER}, 201, id="own-origin"),
        pytest.param({"Origin": "https://app.example.test"}, 201, id="registered-origin"),
        pytest.param({"Origin": "https://evil.example"}, 403, id="foreign-origin"),
        pytest.param({"Origin": "null"}, 403, id="sandboxed-page"),
        pytest.param({"Origin": "https://app.example.test.evil.example"}, 403, id="suffix"),
        pytest.param({"Sec-Fetch-Site": "cross-site"}, 403, id="cross-site-without-origin"),
    ],
)
def test_only_browsers_on_registered_origins_may_register(shared_app, headers, status):
    posted = {"username": f"browser{next(shared_app.names)}", "password": PASSWORD}
    assert shared_app.http.post("/register", json=posted, headers=headers).status_code == status


def test_an_unverified_address_blocks_nobody_and_signs_nobody_in(app_client):
    first, second = app_client.register(email="shared@example.org"), app_client.register(email="shared@example.org")
    assert first != second
    posted = {"username": "shared@example.org", "password": PASSWORD, "client_id": app_client.client_id}
    assert app_client.http.post("/login", json=posted).status_code == 401


@pytest.mark.parametrize("path", ["/register", "/register/confirm"])
def test_closed_registration_is_not_there(migrated_url, tmp_path, path):
    with running_app(migrated_url, tmp_path, registration=Registration(open=False)) as client:
        answer = client.http.post(path, json={"username": "someone", "password": PASSWORD})
        assert answer.status_code == 404
        assert answer.headers["content-type"] == "application/problem+json"


def test_with_a_mail_server_the_address_is_verified_by_its_letter(migrated_url, tmp_path):
    with running_app(migrated_url, tmp_path, mail=NO_SERVER) as client:
        username = client.register(email="ana@example.org")
        (letter,) = client.letters()
        assert letter.recipient == "ana@example.org"
        headers = client.bearer(username)
        token = token_in(letter.text)
        answer = client.http.post("/me/email/confirm", json={"token": token}, headers=headers)
        assert (answer.status_code, answer.json()["email_verified"]) == (200, True)
        assert client.login("ANA@example.org")["access_token"]
        assert client.http.post("/me/email/confirm", json={"token": token}, headers=headers).status_code == 400


def test_one_address_may_try_a_few_names_and_then_waits_whether_they_are_taken_or_not(tmp_path):
    url, few = f"sqlite:///{tmp_path}/authsvc.db", Registration(per_address=FEW)
    with running_app(url, tmp_path, registration=few, http=BEHIND_PROXY) as client:

        def sign_up(username, address, password=PASSWORD):
            posted = {"username": username, "password": password}
            return client.http.post("/register", json=posted, headers={"X-Forwarded-For": address})

        assert [sign_up("ana", "192.0.2.1").status_code for _ in range(3)] == [201, 409, 409]
        assert sign_up("x", "192.0.2.1", "short").status_code == 422, "a field to mend counts nothing"
        taken, free = sign_up("ana", "192.0.2.1"), sign_up("ben", "192.0.2.1")
        for answer in (taken, free):
            assert answer.status_code == 429
            assert 0 < int(answer.headers["retry-after"]) <= 60
        assert {**taken.json(), "request_id": ""} == {**free.json(), "request_id": ""}
        assert sign_up("cleo", "192.0.2.2").status_code == 201
        client.clock.move(seconds=61)
        assert sign_up("ben", "192.0.2.1").status_code == 201


def test_letters_to_one_address_are_counted_before_they_are_written(migrated_url, tmp_path):
    with running_app(migrated_url, tmp_path, mail=NO_SERVER) as client:
        for _ in range(5):
            client.register(email="victim@example.org")
        posted = {"username": "another", "password": PASSWORD, "email": "VICTIM@example.org"}
        answer = client.http.post("/register", json=posted)
        assert answer.status_code == 429
        assert int(answer.headers["retry-after"]) > 0
        assert len(client.letters()) == 5
