"""Asking the token endpoint by a client assertion."""

from typing import Any

import httpx

from tests.flows.assertions import JWT_BEARER, OWN, own
from tests.flows.world import ISSUER, World

GRANT = "client_credentials"


CLIENTS = tuple(OWN)


def post(world: World, token: str, /, path: str = "/token", **fields: Any) -> httpx.Response:
    given = {
        "grant_type": GRANT, "scope": "es256:read", "client_assertion_type": JWT_BEARER, "client_assertion": token,
        **fields,
    }  # fmt: skip
    return world.http.post(path, data={name: value for name, value in given.items() if value is not None})


def good(world: World, client: str = "signer", **changed: Any) -> str:
    return own(client, world.secrets.get(client), ISSUER, world.clock(), **changed)


def is_refused(answer: httpx.Response) -> bool:
    return (
        (answer.status_code, answer.json()["error"]) == (401, "invalid_client")
        and answer.json()["error_description"] == "client authentication failed"
        and "www-authenticate" in answer.headers
    )
