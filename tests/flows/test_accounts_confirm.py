"""Sign-up with confirmation by mail: nobody learns whether an address is known; before the link nobody is a user."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from authsvc.crypto import opaque
from authsvc.settings import Registration
from tests.flows.hosts import FOREIGN_HOSTS
from tests.flows.in_process import ISSUER, PASSWORD, running_app, token_in


@pytest.fixture
def client(unhurried, migrated_url, tmp_path):
    with running_app(migrated_url, tmp_path, registration=Registration(confirm_mail=True)) as running:
        yield running


def post(client, username, email, **headers):
    posted = {"username": username, "email": email}
    return client.http.post("/register", json=posted, headers=headers)


def confirm(client, token, password=PASSWORD):
    return client.http.post("/register/confirm", json={"token": token, "password": password})


def become_user(client, username, email):
    assert post(client, username, email).status_code == 202
    (letter,) = client.letters()
    assert confirm(client, token_in(letter.text)).status_code == 201


def test_an_address_is_required(client):
    answer = client.http.post("/register", json={"username": "ana"})
    assert answer.status_code == 422
    assert [error["field"] for error in answer.json()["errors"]] == ["email"]


def test_nothing_is_a_user_before_the_link_is_followed(client):
    assert post(client, "ana", "ana@example.org").status_code == 202
    posted = {"username": "ana", "password": PASSWORD, "client_id": client.client_id}
    assert client.http.post("/login", json=posted).status_code == 401
    (letter,) = client.letters()
    answer = confirm(client, token_in(letter.text))
    assert answer.status_code == 201
    assert answer.headers["location"] == f"{ISSUER}/me"
    assert answer.json()["email_verified"] is True
    assert client.login("ana@example.org")["access_token"]


def test_a_password_is_chosen_by_who_reads_the_letter_and_not_before(client):
    early = {"username": "ana", "password": "known to a stranger", "email": "ana@example.org"}
    answer = client.http.post("/register", json=early)
    assert answer.status_code == 422
    assert [(error["field"], "mailed link" in error["message"]) for error in answer.json()["errors"]] == [
        ("password", True)
    ]
    assert client.letters() == []
    become_user(client, "ana", "ana@example.org")
    posted = {"username": "ana", "password": early["password"], "client_id": client.client_id}
    assert client.http.post("/login", json=posted).status_code == 401


@pytest.mark.parametrize(
    "password", ["", "too short", "ana@example.org", "password" * 2, "x" * 1_025], ids=lambda password: password[:9]
)
def test_a_password_that_cannot_be_chosen_leaves_the_link_unused(client, password):
    post(client, "ana", "ana@example.org")
    token = token_in(client.letters()[0].text)
    answer = confirm(client, token, password)
    assert answer.status_code == 422
    assert [error["field"] for error in answer.json()["errors"]] == ["password"]
    assert client.http.post("/register/confirm", json={"token": token}).status_code == 422
    assert confirm(client, token).status_code == 201


def test_the_answer_is_the_same_whether_the_address_is_known_or_new(client):
    become_user(client, "ana", "ana@example.org")
    new, known = post(client, "ben", "ben@example.org"), post(client, "cleo", "ana@example.org")
    assert (new.status_code, new.content) == (known.status_code, known.content) == (202, new.content)

    def told(answer):
        return {name: value for name, value in answer.headers.items() if name != "x-request-id"}

    assert told(new) == told(known)


def test_the_owner_of_a_known_address_is_told_and_gets_no_secret(client):
    become_user(client, "ana", "ana@example.org")
    post(client, "mallory", "ana@example.org")
    (letter,) = client.letters()
    assert letter.recipient == "ana@example.org"
    assert "account there already" in letter.text
    assert "as_ml_" not in letter.text + letter.html
    assert "mallory" not in letter.text + letter.html


@pytest.mark.parametrize("how", ["used", "expired", "truncated", "another-kind", "unknown", "empty"])
def test_every_bad_token_gets_one_answer(client, how):
    post(client, "ana", "ana@example.org")
    token = token_in(client.letters()[0].text)
    if how == "used":
        assert confirm(client, token).status_code == 201
    elif how == "expired":
        client.clock.move(seconds=1_801)
    else:
        swapped = token[:-1] + ("A" if token[-1] != "A" else "B")
        token = {
            "truncated": token[:-1], "another-kind": token.replace("as_ml_", "as_cs_"), "unknown": swapped, "empty": "",
        }[how]  # fmt: skip
    answer = confirm(client, token)
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_token")


def test_of_eight_uses_of_one_link_at_once_one_makes_the_user(client):
    post(client, "ana", "ana@example.org")
    token = token_in(client.letters()[0].text)
    with ThreadPoolExecutor(8) as pool:
        statuses = sorted(pool.map(lambda _: confirm(client, token).status_code, range(8)))
    assert statuses == [201] + [400] * 7


def test_a_later_registration_replaces_the_earlier_one_of_its_address(client):
    post(client, "first", "ana@example.org")
    post(client, "second", "ANA@example.org")
    earlier, later = [token_in(letter.text) for letter in client.letters()]
    assert confirm(client, earlier).status_code == 400
    answer = confirm(client, later)
    assert (answer.status_code, answer.json()["username"]) == (201, "second")


def test_a_name_that_was_taken_meanwhile_is_a_conflict(client):
    post(client, "ana", "one@example.org")
    post(client, "ana", "two@example.org")
    one, two = [token_in(letter.text) for letter in client.letters()]
    assert confirm(client, one).status_code == 201
    assert confirm(client, two).status_code == 409


def test_a_mailed_token_is_for_its_own_purpose_only(client):
    become_user(client, "ana", "ana@example.org")
    headers = client.bearer("ana")
    post(client, "ben", "ben@example.org")
    token = token_in(client.letters()[0].text)
    assert client.http.post("/me/email/confirm", json={"token": token}, headers=headers).status_code == 400
    assert confirm(client, token).status_code == 201


@pytest.mark.parametrize("headers", FOREIGN_HOSTS)
def test_no_header_of_the_request_gets_into_a_link(client, headers):
    assert post(client, "ana", "ana@example.org", **headers).status_code == 202
    (letter,) = client.letters()
    assert f"{ISSUER}/ui/register/confirm?token=" in letter.text
    assert "evil" not in letter.text + letter.html
    location = confirm(client, token_in(letter.text)).headers["location"]
    assert location == f"{ISSUER}/me"


def test_no_secret_of_a_pending_registration_lies_in_the_database_in_clear(client):
    post(client, "ana", "ana@example.org")
    now, uow = client.clock(), client.storage.unit_of_work(client.tenant.id)
    try:
        uow.begin()
        (waiting,) = uow.outbox.take(now, now, 10)
        uow.rollback()
    finally:
        uow.close()
    (letter,) = client.letters()
    token = token_in(letter.text)
    assert token.encode() not in waiting.content_encrypted
    assert b"ana@example.org" not in waiting.content_encrypted
    uow = client.storage.unit_of_work(client.tenant.id)
    try:
        uow.begin()
        link = uow.links.consume(opaque.hash_secret(token), "register", now)
        uow.rollback()
    finally:
        uow.close()
    assert link is not None
    assert link.payload_encrypted is not None
    assert b"argon2" not in link.payload_encrypted
