"""Of which session clients are told (`sid`): pairwise clients each by another name, which leads back to the session."""

from dataclasses import replace
from urllib.parse import parse_qs, urlsplit

import pytest

from authsvc.domain.parties.relying_parties import RelyingParty
from authsvc.protocol.subject_token import ID_TOKEN
from tests.flows.asking import add_server, introspect, make_opaque
from tests.flows.browser import Page
from tests.flows.exchanges import TO_BILLING, claims_of, open_shop
from tests.flows.relying_party import Browser, add_client
from tests.flows.test_oidc_claims import PAIRWISE, read
from tests.flows.test_oidc_front_channel_logout import frames
from tests.flows.test_oidc_rp_initiated_logout import ask, session_of
from tests.flows.world import World

AFTER = "https://rp.example/signed-out"
SCOPE = "openid es256:read"


def _names(world: World, browser: Browser, client: str) -> set[str]:
    """Whatever a client and the servers of its tokens are told of the browser's session."""
    tokens = browser.tokens(client, scope=SCOPE)
    fresh = world.refresh(tokens["refresh_token"], client).json()
    told = [tokens["id_token"], tokens["access_token"], fresh["id_token"], fresh["access_token"]]
    return {read(token)["sid"] for token in told} | {introspect(world, tokens["access_token"]).json()["sid"]}


def test_two_pairwise_clients_cannot_join_their_people_by_the_session(small_world: World):
    world = small_world
    for client in ("one", "twin"):
        add_client(world, client, **PAIRWISE)
    add_client(world, "open")
    add_server(world)
    browser = Browser(world)
    session = browser.sign_in()
    names = [_names(world, browser, client) for client in ("one", "twin", "open", "one")]
    assert [len(found) for found in names] == [1, 1, 1, 1]
    assert names[2] == {str(session.id)}
    assert names[0] == names[3]
    assert len(set().union(*names)) == 3


@pytest.mark.parametrize("form", ["jwt", "opaque"])
def test_a_pairwise_token_ends_with_its_session(small_world: World, form: str):
    world = small_world
    add_client(world, "one", **PAIRWISE)
    add_server(world)
    if form == "opaque":
        make_opaque(world)
    browser = Browser(world)
    session = browser.sign_in()
    token = browser.tokens("one", scope=SCOPE)["access_token"]
    assert introspect(world, token).json()["active"]
    with world.change() as uow:
        assert uow.sessions.end(session.id, world.clock())
    assert introspect(world, token).json() == {"active": False}
    assert world.get("/userinfo", token).status_code == 401


def test_a_pairwise_client_ends_just_the_session_that_it_was_told_of(small_world: World):
    world = small_world
    add_client(world, "one", **PAIRWISE, post_logout_redirect_uris=(AFTER,))
    browser, elsewhere = Browser(world), Browser(world)
    browser.sign_in()
    elsewhere.sign_in()
    hint, of_elsewhere = (each.tokens("one")["id_token"] for each in (browser, elsewhere))
    assert ask(browser, id_token_hint=of_elsewhere).status_code == 200, "a question"
    assert session_of(browser).ended_at is None
    held = Browser(world, dict(browser.cookies))
    answer = ask(browser, id_token_hint=hint, post_logout_redirect_uri=AFTER)
    assert (answer.status_code, answer.headers["location"]) == (303, AFTER)
    assert session_of(held).ended_at is not None


def test_its_frame_is_told_the_same_name(small_world: World):
    world = small_world
    uri = "https://rp.example/front"
    add_client(
        world, "one", **PAIRWISE, frontchannel_logout_uri=uri, frontchannel_logout_session_required=True
    )  # fmt: skip
    browser = Browser(world)
    browser.sign_in()
    hint = browser.tokens("one")["id_token"]
    (shown,) = frames(Page(ask(browser, id_token_hint=hint).text))
    assert parse_qs(urlsplit(shown).query)["sid"] == [read(hint)["sid"]]


def test_what_a_pairwise_client_holds_is_exchanged_by_the_session_behind_it(small_world: World):
    shop = open_shop(small_world)
    door = replace(TO_BILLING, clients=frozenset({"app"}), scopes=(("*", frozenset({"eddsa:read"})),))
    shop.policies(replace(door, any_audience=True))
    party = RelyingParty(redirect_uris=("https://app.example/cb",), subject_type="pairwise")
    with small_world.change() as uow:
        app = uow.clients.get("app")
        assert app is not None
        uow.clients.save(replace(app, relying_party=party))
    tokens = small_world.tokens("app", scope=SCOPE)
    by_id_token = claims_of(shop.exchange(tokens["id_token"], subject_token_type=ID_TOKEN))
    by_access_token = claims_of(shop.exchange(tokens["access_token"]))
    told = read(tokens["id_token"])
    assert by_id_token["sid"] == by_access_token["sid"] != told["sid"] == read(tokens["access_token"])["sid"]
    assert by_id_token["sub"] == by_access_token["sub"] == str(small_world.user().id) != told["sub"]
    with small_world.change() as uow:
        assert uow.sessions.end_all(small_world.user().id, small_world.clock())
    for token, kind in ((tokens["id_token"], {"subject_token_type": ID_TOKEN}), (tokens["access_token"], {})):
        assert shop.exchange(token, **kind).status_code == 400
