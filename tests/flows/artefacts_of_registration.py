"""What registers clients and what they manage their registration with; and the places that take it."""

from collections.abc import Callable, Mapping
from typing import Any, Protocol

import httpx

from tests.flows.registering import METADATA, PATH, an_initial_token, registered
from tests.flows.world import World

_TOKEN, _SECRET = "registration access token", "secret of a registered client"
_URL, _OWN = "URL of a registration", "token of a registration"


class Hand(Protocol):
    """Who holds them (see tests/flows/artefacts.py)."""

    made: dict[str, str]

    @property
    def world(self) -> World: ...

    def __getitem__(self, name: str) -> str: ...


def initial_token(hand: Hand) -> str:
    return an_initial_token(hand.world)


def of_a_client(which: str) -> Callable[[Hand], str]:
    """Of one client that registered: its token, its secret and its URL belong together."""

    def make(hand: Hand) -> str:
        told = registered(hand.world)
        hand.made[_URL], hand.made[_OWN] = told["registration_client_uri"], told["registration_access_token"]
        hand.made[_TOKEN], hand.made[_SECRET] = told["registration_access_token"], told["client_secret"]
        return hand.made[which]

    return make


def registering(hand: Hand, artefact: str) -> httpx.Response:
    return hand.world.http.post(PATH, json=METADATA, headers={"Authorization": f"Bearer {artefact}"})


def managing(method: str) -> Callable[[Hand, str], httpx.Response]:
    return lambda hand, artefact: _managed(hand, method, artefact, METADATA)


def secret_sent_back(hand: Hand, artefact: str) -> httpx.Response:
    return _managed(hand, "PUT", None, METADATA | {"client_secret": artefact})


def _managed(hand: Hand, method: str, token: str | None, metadata: dict[str, Any]) -> httpx.Response:
    if _OWN not in hand.made:
        of_a_client(_TOKEN)(hand)
    headers = {"Authorization": f"Bearer {hand.made[_OWN] if token is None else token}"}
    answer = hand.world.http.request(method, hand.made[_URL], json=metadata, headers=headers)
    if answer.status_code == 204:
        for name in (_URL, _OWN, _TOKEN, _SECRET):
            hand.made.pop(name, None)
    return answer


REGISTRATION: Mapping[str, Callable[[Hand], str]] = {
    "initial access token": initial_token,
    _TOKEN: of_a_client(_TOKEN),
    _SECRET: of_a_client(_SECRET),
}
