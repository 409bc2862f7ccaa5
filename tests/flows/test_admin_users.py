"""/admin/users: what an administrator can do with people."""

from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import httpx
import pytest
from passlib.hash import bcrypt, sha512_crypt

from authsvc.domain.mail import links
from authsvc.domain.mail.outbox import MailedLink
from tests.flows.administrators import Admins, fields_of
from tests.flows.api_keys import with_keys
from tests.flows.world import ISSUER, OTHER_PASSWORD, PASSWORD, running_world

READ, WRITE = "admin:users:read", "admin:users:write"
JSON = {"Content-Type": "application/json"}
NEW = "eleven orange windmills"


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Admins]:
    """One world for the table of what stores nothing."""
    directory = tmp_path_factory.mktemp("admin-users")
    with running_world(f"sqlite:///{directory}/authsvc.db", directory) as world:
        yield Admins(world)


def create(admins: Admins, **given: Any) -> httpx.Response:
    return admins.call(WRITE, "POST", "/admin/users", json={"username": "grace", **given})


def made(admins: Admins, **given: Any) -> dict[str, Any]:
    answer = create(admins, **given)
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


def change(admins: Admins, user_id: str, **given: Any) -> httpx.Response:
    return admins.call(WRITE, "PATCH", f"/admin/users/{user_id}", json=given)


def sign_in(admins: Admins, username: str = "alice", password: str = PASSWORD) -> int:
    return admins.world.login(username=username, password=password, scope="openid").status_code


def test_a_user_is_made_where_the_answer_says_and_signs_in(admins: Admins):
    answer = create(admins, password=NEW, email="Grace@Example.com", email_verified=True, name="Grace", locale="de")
    user = answer.json()
    assert (answer.status_code, answer.headers["location"]) == (201, f"{ISSUER}/admin/users/{user['id']}")
    assert answer.headers["cache-control"] == "no-store"
    read = admins.call(READ, "GET", answer.headers["location"])
    assert (read.status_code, read.json(), read.headers["etag"]) == (200, user, answer.headers["etag"])
    assert (user["email"], user["email_verified"], user["locale"]) == ("Grace@example.com", True, "de")
    assert user["has_password"]
    assert "hash" not in read.text.replace("has_password", "")
    assert sign_in(admins, "grace@example.com", NEW) == 200
    assert admins.events(answer) == [("user.created", f"by {admins.who(WRITE)}")]


@pytest.mark.parametrize(
    "password_hash",
    [
        pytest.param(bcrypt.using(rounds=4).hash(NEW), id="bcrypt"),
        pytest.param(sha512_crypt.using(rounds=1_000).hash(NEW), id="sha-crypt"),
    ],
)
def test_a_user_of_another_system_signs_in_with_its_password(small: Admins, password_hash: str):
    answer = create(small, password_hash=password_hash)
    assert answer.status_code == 201, answer.text
    assert password_hash not in answer.text
    assert sign_in(small, "grace", NEW) == 200
    assert sign_in(small, "grace", "x") == 401


def test_a_user_without_a_password_signs_in_with_none(small: Admins):
    assert made(small)["has_password"] is False
    assert sign_in(small, "grace", "x") == 401


@pytest.mark.parametrize(
    ("given", "field"),
    [
        pytest.param({"username": None}, "username", id="no-name"),
        pytest.param({"username": "a@b"}, "username", id="address-for-a-name"),
        pytest.param({"email": "nothing"}, "email", id="no-address"),
        pytest.param({"email_verified": True}, "email_verified", id="nothing-to-verify"),
        pytest.param({"password": "short"}, "password", id="short-password"),
        pytest.param({"password": "grace@example.com", "email": "grace@example.com"}, "password", id="own-address"),
        pytest.param({"password_hash": "x"}, "password_hash", id="no-hash"),
        pytest.param({"password_hash": bcrypt.using(rounds=4).hash("x").replace("04", "31", 1)}, "password_hash",
                     id="costly-hash"),
        pytest.param({"password_hash": "x" * 2_000}, "password_hash", id="long-hash"),
        pytest.param({"password": NEW, "password_hash": bcrypt.using(rounds=4).hash(NEW)}, "password_hash", id="both"),
        pytest.param({"name": ""}, "name", id="empty-name"),
        pytest.param({"locale": "no language"}, "locale", id="no-language"),
        pytest.param({"disabled": "perhaps"}, "disabled", id="no-boolean"),
        pytest.param({"id": "x"}, "id", id="chosen-id"),
        pytest.param({"created_at": "2020-01-01T00:00:00Z"}, "created_at", id="chosen-instant"),
        pytest.param({"version": 7}, "version", id="chosen-version"),
        pytest.param({"has_password": True}, "has_password", id="what-is-told-only"),
    ],
)  # fmt: skip
def test_a_user_that_must_not_be_is_refused_by_field_and_nothing_is_stored(shared: Admins, given, field):
    alice = str(shared.world.user().id)
    shared.token(WRITE)
    before = shared.world.rows()
    wanted = {name: value for name, value in {"username": "grace", **given}.items() if value is not None}
    answers = [shared.call(WRITE, "POST", "/admin/users", json=wanted)]
    if field not in ("username", "email_verified") and "email" not in given:
        answers.append(change(shared, alice, **given))
    for answer in answers:
        assert fields_of(answer) == {field}
        assert answer.headers["content-type"] == "application/problem+json"
    assert shared.world.rows() == before


def test_every_bad_field_is_named_at_once(shared: Admins):
    assert fields_of(create(shared, username="a@b", email="x", password="short")) == {"username", "email", "password"}


def test_names_and_verified_addresses_are_taken_once(admins: Admins):
    for given in ({"username": "ALICE"}, {"email": "alice@example.com", "email_verified": True}):
        assert create(admins, **given).status_code == 409
    grace = made(admins, email="alice@example.com")
    assert not grace["email_verified"]
    assert change(admins, grace["id"], email_verified=True).status_code == 409
    assert change(admins, grace["id"], username="alice").status_code == 409
    read = admins.call(READ, "GET", f"/admin/users/{grace['id']}")
    assert read.json() == grace


def test_a_change_is_of_what_is_given(small: Admins):
    grace = made(small, email="grace@example.com", email_verified=True, name="Grace", nickname="G")
    changed = change(small, grace["id"], name="Grace H.", nickname=None)
    assert changed.json() == {**grace, "name": "Grace H.", "nickname": None, "updated_at": changed.json()["updated_at"]}
    assert changed.json()["updated_at"] is not None
    assert small.events(changed) == [("user.changed", f"name nickname; by {small.who(WRITE)}")]
    moved = change(small, grace["id"], email="g@example.com").json()
    assert (moved["email"], moved["email_verified"]) == ("g@example.com", False)
    assert change(small, grace["id"], email=None).json()["email"] is None


def test_a_new_password_ends_all_sessions(admins: Admins):
    alice, refresh = str(admins.world.user().id), admins.world.refresh_token()
    assert change(admins, alice, password=NEW).status_code == 200
    assert admins.world.refresh(refresh).status_code == 400
    assert sign_in(admins, password=PASSWORD) == 401
    assert sign_in(admins, password=NEW) == 200


def test_a_new_password_revokes_the_keys_that_the_old_one_may_have_made(small: Admins):
    """As one does that is set by a mailed link; whoever changes their own keeps them."""
    keys = with_keys(small.world)
    key, other = keys.personal()["key"], keys.personal("bob")["key"]
    alice = str(small.world.user().id)
    assert change(small, alice, name="Alice").status_code == 200
    assert keys.is_good(key)
    assert change(small, alice, password=NEW).status_code == 200
    assert not keys.is_good(key)
    assert keys.is_good(other)


def test_a_disabled_user_is_refused_everywhere_and_let_in_again(admins: Admins):
    alice, tokens = str(admins.world.user().id), admins.world.tokens(scope="account")
    disabled = change(admins, alice, disabled=True).json()
    assert (disabled["disabled"], disabled["disabled_at"] is None) == (True, False)
    assert admins.world.get("/me", tokens["access_token"]).status_code == 401
    assert admins.world.refresh(tokens["refresh_token"]).status_code == 400
    assert sign_in(admins) == 403
    assert change(admins, alice, disabled=True).json() == disabled
    enabled = change(admins, alice, disabled=False).json()
    assert (enabled["disabled"], enabled["disabled_at"]) == (False, None)
    assert admins.world.refresh(tokens["refresh_token"]).status_code == 400, "its session has ended"
    assert sign_in(admins) == 200


def test_the_keys_of_a_disabled_user_stay_dead_when_the_user_is_let_in_again(small: Admins):
    keys, alice = with_keys(small.world), str(small.world.user().id)
    key, other = keys.personal()["key"], keys.personal("bob")["key"]
    assert change(small, alice, disabled=True).status_code == 200
    assert not keys.is_good(key)
    assert change(small, alice, disabled=False).status_code == 200
    assert not keys.is_good(key)
    assert keys.is_good(other)
    assert keys.is_good(keys.personal()["key"]), "a new one is as good as ever"


def test_a_user_who_is_made_disabled_never_was_enabled(small: Admins):
    assert made(small, password=NEW, disabled=True)["disabled"] is True
    assert sign_in(small, "grace", NEW) == 403


def test_a_deleted_user_is_gone_with_all_sessions(admins: Admins):
    alice, tokens = str(admins.world.user().id), admins.world.tokens(scope="account")
    gone = admins.call(WRITE, "DELETE", f"/admin/users/{alice}")
    assert (gone.status_code, gone.content) == (204, b"")
    assert admins.events(gone) == [("user.deleted", f"by {admins.who(WRITE)}")]
    assert admins.world.get("/me", tokens["access_token"]).status_code == 401
    for method, body in (("GET", None), ("PATCH", {}), ("DELETE", None)):
        scope = READ if method == "GET" else WRITE
        assert admins.call(scope, method, f"/admin/users/{alice}", json=body).status_code == 404


def test_a_letter_that_was_sent_before_an_administrator_wrote_proves_nothing_any_more(small: Admins):
    """Else who still reads an old letter could undo what the administrator did."""
    user = small.world.user()
    with small.world.change() as uow:
        for purpose in (links.VERIFY_EMAIL, links.RESET_PASSWORD):
            secret = links.new_secret()
            uow.links.add(
                MailedLink(secret.hash, purpose, user.id, "alice@example.com", small.world.clock().replace(year=2999))
            )
    assert change(small, str(user.id), password=NEW).status_code == 200
    assert small.world.rows()["mailed_links"] == 0


@pytest.mark.parametrize("method", ["PATCH", "DELETE"])
def test_what_is_not_there_is_not_asked_for_its_state(small: Admins, method: str):
    """RFC 9110 §13.2.1: preconditions are for what would succeed; another tenant's user is as absent as nobody."""
    there = small.world.user("alice").id
    small.token(WRITE, tenant=small.world.other)
    said, unseen = [], {**JSON, "If-Match": ""}
    for user_id in (there, uuid4()):
        answer = small.call(
            WRITE, method, f"/admin/users/{user_id}", tenant=small.world.other, headers=unseen, content=b"{}"
        )
        said.append((answer.status_code, {**answer.json(), "instance": None, "request_id": None}))
    assert said[0] == said[1]
    assert said[0][0] == 404
    assert small.call(WRITE, method, f"/admin/users/{there}", headers=unseen, content=b"{}").status_code == 428


def test_users_of_another_tenant_are_as_unknown_as_those_that_never_were(admins: Admins):
    """In both directions, by every route, also by a cursor of the other list."""
    alice = str(admins.world.user().id)
    made(admins, username="onlyhere")
    elsewhere = admins.world.other
    for method in ("GET", "PATCH", "DELETE"):
        scope = READ if method == "GET" else WRITE
        answer = admins.call(scope, method, f"/admin/users/{alice}", tenant=elsewhere, content=b"{}", headers=JSON)
        assert answer.status_code == 404, method
    found = admins.call(READ, "GET", "/admin/users?limit=200", tenant=elsewhere).json()["users"]
    assert alice not in {user["id"] for user in found}
    assert {user["username"] for user in found} == {"alice", "bob", "dora", "irma"}
    assert admins.call(READ, "GET", "/admin/users?login=onlyhere", tenant=elsewhere).json()["users"] == []
    cursor = admins.call(READ, "GET", "/admin/users?limit=1").json()["next_cursor"]
    answer = admins.call(READ, "GET", "/admin/users", tenant=elsewhere, params={"cursor": cursor})
    assert answer.status_code == 400
    assert sign_in(admins) == 200
    assert admins.world.http.post(
        "/t/other/login", data={"username": "alice", "password": OTHER_PASSWORD, "client_id": "app", "scope": "openid"}
    ).is_success  # fmt: skip


def test_a_list_is_read_page_by_page_each_user_once(admins: Admins):
    for number in range(7):
        made(admins, username=f"person{number}")
    found, cursor = [], None
    for _ in range(4):
        page = admins.call(READ, "GET", "/admin/users", params={"limit": 3, **({"cursor": cursor} if cursor else {})})
        found += page.json()["users"]
        cursor = page.json()["next_cursor"]
    assert cursor is None
    assert len(found) == len({user["id"] for user in found}) == 11
    whole = admins.call(READ, "GET", "/admin/users").json()
    assert (whole["users"], whole["next_cursor"]) == (found, None)
    assert admins.call(READ, "GET", "/admin/users?limit=11").json()["next_cursor"] is None


def test_a_user_is_found_by_name_and_by_verified_address(admins: Admins):
    def found(login: str) -> list[str]:
        answer = admins.call(READ, "GET", "/admin/users", params={"login": login})
        return [user["username"] for user in answer.json()["users"]]

    assert found("ALICE") == found("alice@EXAMPLE.com") == ["alice"]
    assert found("bob@example.com") == [], "an address that is not verified signs in nobody"
    assert found("nobody") == found("'; DROP TABLE users; --") == found("\x00") == []


@pytest.mark.parametrize(
    "how",
    [
        pytest.param(lambda cursor: cursor[:-1], id="shortened"),
        pytest.param(lambda cursor: cursor + "A", id="lengthened"),
        pytest.param(lambda cursor: cursor[:-5] + ("A" if cursor[-5] != "A" else "B") + cursor[-4:], id="changed"),
        pytest.param(lambda cursor: cursor + "=", id="padded"),
        pytest.param(lambda _: "", id="empty"),
        pytest.param(lambda _: "00000000-0000-4000-8000-000000000000", id="an-id"),
        pytest.param(lambda _: "' OR 1=1 --", id="sql"),
        pytest.param(lambda _: "é", id="not-ascii"),
        pytest.param(lambda _: "x" * 10_000, id="huge"),
    ],
)
def test_a_cursor_that_was_not_given_out_is_refused(shared: Admins, how):
    cursor = shared.call(READ, "GET", "/admin/users?limit=1").json()["next_cursor"]
    assert shared.call(READ, "GET", "/admin/users", params={"cursor": cursor}).status_code == 200
    answer = shared.call(READ, "GET", "/admin/users", params={"cursor": how(cursor)})
    assert answer.status_code in (400, 422), answer.text


@pytest.mark.parametrize("limit", ["0", "-1", "201", "x", "1e3", "9" * 400])
def test_a_limit_out_of_bounds_is_refused(shared: Admins, limit):
    assert fields_of(shared.call(READ, "GET", "/admin/users", params={"limit": limit})) == {"limit"}


def test_nobody_changes_what_they_have_not_seen(admins: Admins):
    grace = made(admins)
    path = f"/admin/users/{grace['id']}"
    seen = admins.call(READ, "GET", path).headers["etag"]
    for method, body in (("PATCH", {"name": "x"}), ("DELETE", None)):
        unseen = admins.call(WRITE, method, path, json=body, headers={"If-Match": ""})
        assert (unseen.status_code, unseen.json()["error"]) == (428, "precondition_required")
        for wrong in ('"x"', f"W/{seen}", '"x", "y"'):
            stale = admins.call(WRITE, method, path, json=body, headers={"If-Match": wrong})
            assert (stale.status_code, stale.json()["error"]) == (412, "precondition_failed")
        assert admins.call(WRITE, method, path, json=body, headers={"If-Match": "nonsense"}).status_code == 400
    assert admins.call(READ, "GET", path).json() == grace
    changed = admins.call(WRITE, "PATCH", path, json={"name": "x"}, headers={"If-Match": f'"y", {seen}'})
    assert (changed.status_code, changed.headers["etag"] == seen) == (200, False)
    assert admins.call(WRITE, "PATCH", path, json={"name": "y"}, headers={"If-Match": seen}).status_code == 412
    last = changed.headers["etag"]
    assert admins.call(WRITE, "DELETE", path, headers={"If-Match": last}).status_code == 204


def test_a_sign_up_that_is_closed_does_not_bind_an_administrator(small: Admins):
    form = {"username": "grace", "password": NEW}
    answer = small.call(WRITE, "POST", "/admin/users", data=form)
    assert answer.status_code == 201, "a form will do, too"
    assert sign_in(small, "grace", NEW) == 200
