"""Every artefact in every place that takes one of another kind: good in its own places only (CVE-2026-4282)."""

import importlib
import pkgutil
import re
from collections.abc import Iterator

import httpx
import jwt
import pytest

from authsvc import protocol
from authsvc.crypto import opaque
from authsvc.protocol.grants import GRANTS
from authsvc.settings import Registration
from authsvc.web.documented.client_shapes import METADATA
from tests.flows.artefact_places import PLACES, Place, add_holders, ended, query
from tests.flows.artefacts import ARTEFACTS, PREPARED, Hand
from tests.flows.test_accounts_register import NO_SERVER
from tests.flows.token_rig import open_rig

REPLACED = {"link that verifies an address"}
"""A newer one takes the place of the older."""


@pytest.fixture(scope="module")
def hand(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hand]:
    """Artefacts for everything that is refused: it must not use them up, nor end what they stand on."""
    with open_rig(
        tmp_path_factory.mktemp("artefacts"), registration=Registration(confirm_mail=True), mail=NO_SERVER
    ) as rig:
        add_holders(rig)
        made = Hand(rig)
        for name in PREPARED:
            made[name]
        yield made


def _is_accepted(place: Place, hand: Hand, artefact: str) -> tuple[bool, httpx.Response]:
    query(hand.rig, "DELETE FROM attempts")
    before = ended(hand.rig) if place.changes else None
    answer = place.present(hand, artefact)
    assert answer.status_code < 500, answer.text
    if place.changes:
        return ended(hand.rig) != before, answer
    return place.accepts(answer), answer


@pytest.mark.parametrize("name", PLACES)
def test_an_artefact_is_good_in_its_own_places_only(hand: Hand, name: str):
    place = PLACES[name]
    accepted = {what for what in ARTEFACTS.keys() - place.good.keys() if _is_accepted(place, hand, hand[what])[0]}
    assert accepted == set()
    for what in place.good:
        good, answer = _is_accepted(place, hand, ARTEFACTS[what](hand))
        assert good, (what, answer.text)
        if what in REPLACED:
            hand.forget(what)


@pytest.mark.parametrize("what", sorted(set[str]().union(*(place.good for place in PLACES.values()))))
def test_what_was_refused_elsewhere_is_still_good_in_its_place(hand: Hand, what: str):
    place = next(place for place in PLACES.values() if what in place.good)
    assert _is_accepted(place, hand, hand[what])[0]
    hand.forget(what)


def test_every_kind_of_secret_and_every_type_of_jwt_has_its_artefact(hand: Hand):
    made = [hand[name] for name in ARTEFACTS]
    kinds = {value for value in vars(opaque).values() if isinstance(value, str) and re.fullmatch("as_[a-z]{2}_", value)}
    assert {kind for kind in kinds if not any(len(each) > 40 and each.startswith(kind) for each in made)} == set()
    types = {jwt.get_unverified_header(each).get("typ") for each in made if re.fullmatch(r"eyJ[\w.-]+", each)}
    assert _types_of_jwt() - types == set()


def _types_of_jwt() -> set[str]:
    names = [module.name for module in pkgutil.walk_packages(protocol.__path__, "authsvc.protocol.")]
    modules = [importlib.import_module(name) for name in names]
    return {value for each in modules for name, value in vars(each).items() if name in ("TYPE", "EXPLICIT_TYPE")}


BEARERS = {"account_token", "access_token", "initial_access_token", "registration_access_token"}
NO_ARTEFACTS = {
    "grant_type", "scope", "resource", "audience", "client_id", "client_assertion_type", "token_type_hint", "username",
    "email", "name", "given_name", "family_name", "nickname", "locale", "new_password",
    "scopes", "resources", "expires_in", "expires_at", "subject_token_type",
    "actor_token_type", "requested_token_type", "response_type", "redirect_uri", "state", "code_challenge",
    "code_challenge_method", "response_mode", "nonce", "prompt", "max_age", "login_hint", "acr_values", "claims",
    "ui_locales", "display", "decision", "sure", "logout_hint", "post_logout_redirect_uri",
}  # fmt: skip


def test_every_parameter_that_takes_an_artefact_has_its_place(hand: Hand):
    taken = {("/token", name) for grant in GRANTS.values() for name in grant.PARAMETERS}
    bearers = set[str]()
    for path, methods in hand.world.get("/openapi.json").json()["paths"].items():
        for method, operation in methods.items():
            if {name for each in operation.get("security", ()) for name in each} & BEARERS:
                bearers.add(f"bearer at {method.upper()} {path}")
            for content in operation.get("requestBody", {}).get("content", {}).values():
                # Metadata of a client hold nothing secret; what an administrator writes is new, and nobody's yet.
                if content["schema"] != METADATA and not path.startswith("/admin/"):
                    taken |= {(path, name) for name in content["schema"].get("properties", {})}
    # New ones, that are nobody's yet.
    taken -= {(f"{page}/register{step}", "password") for page in ("", "/ui") for step in ("", "/confirm")}
    missing = {(path, name) for path, name in taken if name not in NO_ARTEFACTS and not _has_place(path, name)}
    assert missing == set()
    assert bearers - PLACES.keys() == set()


def _has_place(path: str, name: str) -> bool:
    return any(place.startswith((f"{name} at {path}", f"{name}: ")) for place in PLACES)
