"""No secret in clear: not in the database's file, not in the log, not in an answer to somebody else (THREATS F21)."""

import logging
from pathlib import Path
from urllib.parse import urlencode
from uuid import uuid4

import pytest

from authsvc.crypto import opaque
from authsvc.domain.parties.registration_tokens import RegistrationToken
from authsvc.observe import logging as observe
from tests.flows.api_keys import with_keys
from tests.flows.browser import SAME_ORIGIN, Page
from tests.flows.relying_party import REDIRECT_URI, Browser, add_client, page_of, redeem
from tests.flows.world import PASSWORD, World, running_world

CANARY = "Canary-Xq7-violet-lighthouse"


def _use(world: World) -> list[str]:
    """A day in the life: good and bad requests with every secret; returns all of them."""
    planted = [f"{CANARY}-{number}" for number in range(12)]
    found = world.tokens(scope="account openid profile email")
    web = world.tokens(client="web", scope="openid es256:read")
    refreshed = world.refresh(found["refresh_token"]).json()
    machine = world.token("svc2").json()
    world.http.post("/register", json={"username": "karl", "password": planted[0], "email": "karl@example.com"})
    world.login(username="karl", password=planted[0], scope="openid")
    world.login(username="alice", password=planted[1], scope="openid")
    world.login(username=planted[2], password=PASSWORD, scope="openid")
    world.http.post("/me/password", json={"current_password": PASSWORD, "new_password": planted[3]},
                    headers={"Authorization": f"Bearer {refreshed['access_token']}"})  # fmt: skip
    world.refresh(planted[4])
    world.http.post("/token", data={"grant_type": "client_credentials"}, auth=("svc", planted[5]))
    world.token("svc2", client_secret=planted[6])
    world.get("/me", planted[7])
    world.get(f"/me?access_token={planted[8]}&code={planted[9]}")
    world.http.post("/register/confirm", json={"token": planted[10], "password": planted[0]})
    world.raw("/token", f"client_secret={planted[11]}&client_secret=x&%zz".encode())
    keys = [*_use_api_keys(world, found["access_token"]), *_use_a_browser(world)]
    world.clock.move(seconds=20)
    world.refresh(found["refresh_token"])
    world.http.post("/logout", data={"refresh_token": web["refresh_token"], "client_id": "web",
                                     "client_secret": world.secrets["web"]})  # fmt: skip
    tokens = [answer[name] for answer in (found, web, refreshed, machine) for name in answer if name.endswith("_token")]
    return [*planted, *tokens, *keys, *world.secrets.values(), PASSWORD]


def _use_a_browser(world: World) -> list[str]:
    """Sign in, be asked, get codes and tokens, leave errands behind, sign out; returns every secret of it."""
    add_client(world, first_party=False)
    add_client(world, "own", post_logout_redirect_uris=(REDIRECT_URI,), frontchannel_logout_uri=REDIRECT_URI)
    browser = Browser(world)
    _, handle = page_of(browser.authorize(login_hint=CANARY))
    (form,) = Page(browser.get(f"/ui/login?flow={handle}").text).forms
    filled = form.fields | {"username": "bob", "password": PASSWORD}
    assert browser.send("POST", "/ui/login", urlencode(filled), **SAME_ORIGIN).status_code == 303
    asked = browser.get(f"/ui/continue?flow={handle}")
    cookies = [*browser.cookies.values()]
    code, unused = browser.code("own"), browser.code("own")
    tokens = redeem(world, code, "own").json()
    assert redeem(world, code, "own").status_code == 400
    world.get(f"/userinfo?access_token={tokens['access_token']}")
    _, left = page_of(browser.authorize("own", prompt="login", id_token_hint=tokens["id_token"]))
    (form,) = Page(browser.get(f"/ui/login?flow={left}").text).forms
    browser.send("POST", "/ui/login", urlencode(form.fields | {"username": "bob", "password": PASSWORD}), **SAME_ORIGIN)
    _, another = page_of(browser.authorize("own", prompt="login", id_token_hint=tokens["id_token"]))
    cookies += browser.cookies.values()
    assert "code=" in browser.get(f"/ui/continue?flow={left}").headers["location"], "the hint was kept, encrypted"
    posted = browser.post_authorize("own", id_token_hint=tokens["id_token"])
    for garbled in (handle[:-1], left[:-1]):
        browser.get(f"/ui/continue?flow={garbled}")
    registration = opaque.new_secret(opaque.REGISTRATION_TOKEN)
    now = world.clock()
    with world.change() as uow:
        uow.registration_tokens.add(RegistrationToken(uuid4(), opaque.hash_secret(registration), "x", now, now, None))
    browser.get(f"/connect/logout?id_token_hint={tokens['id_token']}")
    assert page_of(asked)[0] == "consent"
    made = [tokens[name] for name in ("access_token", "id_token", "refresh_token")]
    return [handle, left, another, page_of(posted)[1], code, unused, registration, *cookies, *made]


def _use_api_keys(world: World, account_token: str) -> list[str]:
    """Make keys, use them rightly and put them where they do not belong; returns them."""
    own = {"Authorization": f"Bearer {account_token}"}
    wanted = {"name": "nightly", "scopes": ["es256:read"]}
    keys = with_keys(world)
    answers = [
        world.http.post("/api-keys", json=wanted, headers=own), world.http.post("/api-keys", json=wanted, headers=own),
        keys.create_service(),
    ]  # fmt: skip
    world.http.delete(f"/api-keys/{answers[1].json()['id']}", headers=own)
    found = [str(answer.json()["key"]) for answer in answers]
    exchanged = [keys.exchange(key) for key in found]
    assert [answer.status_code for answer in exchanged] == [200, 400, 200]
    for key in found:
        keys.is_active(key)
        world.get(f"/me?key={key}", key)
        world.get(f"/api-keys/{key}", account_token)
        world.http.delete(f"/{key}")
        world.http.post("/api-keys", json={"name": key, "scopes": [key], key: key}, headers=own)
        world.http.get("/api-keys", auth=("svc", key))
        world.http.get("/api-keys", auth=(key, "x"))
        world.login(username=key, password=key, scope=key)
        world.refresh(key)
        keys.exchange(key[:-1])
        keys.exchange(key, subject_token_type=key, audience=key)
    # Cut by one character a key is worth nothing, but it gives all but six bits away.
    return [*found, *(key[:-1] for key in found), *(item.json()["access_token"] for item in exchanged[::2])]


def _spellings(secret: str) -> list[bytes]:
    """The secret, and of a JWT its signature, which alone makes it worth something."""
    return [secret.encode(), secret.rpartition(".")[2].encode()] if secret.count(".") == 2 else [secret.encode()]


@pytest.mark.timeout(120)
def test_nothing_secret_lies_in_the_database_or_the_log(tmp_path: Path):
    log = tmp_path / "log"
    observe.configure("debug", log_file=log)
    try:
        with running_world(f"sqlite:///{tmp_path}/authsvc.db", tmp_path) as world:
            secrets = _use(world)
    finally:
        for handler in list(logging.getLogger().handlers):
            if type(handler).__module__.startswith("authsvc"):
                logging.getLogger().removeHandler(handler)
                handler.close()
    stored = b"".join(path.read_bytes() for path in tmp_path.iterdir() if path.name.startswith("authsvc.db"))
    logged = log.read_bytes()
    assert len(stored) > 10_000
    assert logged.count(b"refused") > 5
    for secret in secrets:
        for spelled in _spellings(secret):
            assert spelled not in logged, secret
            # A wrong user name is nobody's secret, but it is not stored either.
            assert spelled not in stored, secret


def test_a_refusal_echoes_no_secret(small_world: World):
    answers = [
        small_world.login(username=CANARY, password=CANARY, scope="openid"),
        small_world.refresh(CANARY),
        small_world.token("svc", resource=CANARY),
        small_world.http.post("/token", data={"grant_type": CANARY, "client_id": CANARY, "client_secret": CANARY}),
        small_world.get("/me", CANARY),
        small_world.http.post("/logout", data={"refresh_token": CANARY, "client_id": "app"}),
        small_world.raw("/login", b'{"password": "' + CANARY.encode(), "application/json"),
        small_world.get(f"/{CANARY}"),
    ]
    for answer in answers:
        assert answer.status_code >= 400
        assert CANARY not in answer.text
        assert CANARY not in str(answer.headers)
