"""client_credentials by private_key_jwt (ES256) against npm oidc-provider with its in-memory adapter.

Every request brings an assertion that was never seen before; authsvc writes its id to SQLite, the peer to memory.
"""

import json
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from jose import jwk, jws
from jose.backends.base import Key

from bench import load, pair, rounds
from bench.servers import FORM, Authsvc, Facts, Server, give_birth, start_authsvc, start_oidc_provider

NAME = "assertion"
ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
SPARE = 4_000
"""Assertions made for a round beyond what the round before used up."""


@dataclass(slots=True)
class Client:
    """A client with its key, the issuer as the server calls itself, and how many assertions its last round took."""

    facts: Facts
    key: Key
    issuer: str
    taken: int = SPARE

    def assertion(self) -> str:
        """A client assertion unlike any other."""
        now = int(time.time())
        claims = {
            "iss": self.facts.client_id, "sub": self.facts.client_id, "aud": self.issuer,
            "jti": secrets.token_urlsafe(16), "iat": now, "exp": now + 300,
        }  # fmt: skip
        return jws.sign(claims, self.key, headers={"kid": "bench"}, algorithm="ES256")

    def form(self, assertion: str) -> str:
        """The body of one request."""
        return urlencode(
            {
                "grant_type": "client_credentials", "scope": self.facts.scopes[0], "resource": self.facts.audience,
                "client_assertion_type": ASSERTION_TYPE, "client_assertion": assertion,
            }
        )  # fmt: skip


def new_key() -> tuple[Key, Mapping[str, Any]]:
    """A private key and its public JWK."""
    private_key = ec.generate_private_key(ec.SECP256R1())
    pem = private_key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    key = jwk.construct(pem, "ES256")
    return key, {**key.public_key().to_dict(), "kid": "bench", "use": "sig", "alg": "ES256"}


def register(data: Path, public: Mapping[str, Any]) -> str:
    """Make the development service's client one of private_key_jwt; return its id."""
    from authsvc.storage.sql.engine import open_storage  # noqa: PLC0415 - the other comparisons run without it

    storage = open_storage(f"sqlite:///{data / 'authsvc.db'}", pool_size=1, cache=None)
    uow = storage.unit_of_work(storage.list_tenants()[0].id)
    try:
        service = uow.clients.get("dev-service")
        uow.begin()
        uow.clients.add(
            replace(
                service, id="bench-service", auth_method="private_key_jwt", secrets=(), exchanges=(), version=1,
                jwks=json.dumps({"keys": [public]}), assertion_algorithms=frozenset({"ES256"}),
                created_at=datetime.now(UTC),
            )
        )  # fmt: skip
        uow.commit()
    finally:
        uow.close()
        storage.close()
    return "bench-service"


def requests_of(client: Client, seconds: float) -> load.Load:
    """As many requests as the round may need, each with an assertion of its own."""
    count = max(SPARE, round(client.taken * 3 * seconds))
    bodies = ", ".join(load.lua_text(client.form(client.assertion())) for _ in range(count))
    script = f"""
local bodies = {{ {bodies} }}
local at = 0
function request()
  at = at + 1
  return wrk.format(nil, nil, nil, bodies[at] or "none-left")
end
"""
    return load.Load(f"{client.facts.issuer}/token", "POST", FORM, script=script)


def round_of(server: Server, client: Client, seconds: float) -> rounds.Sample:
    """One round; what it took tells how many assertions the next one needs."""
    sample = pair.measure(server, requests_of(client, seconds), seconds)
    client.taken = round(sample.value)
    return sample


def compare(plan: rounds.Plan, directory: Path) -> list[rounds.Figure]:
    """Tokens per second of both, each on the one server core."""
    how = Authsvc(directory)
    key, public = new_key()
    client_id = register(give_birth(how), public)
    with start_authsvc(how) as ours, start_oidc_provider(directory, public) as theirs:
        sides = [
            (server, Client(replace(server.facts, client_id=name), key, issuer))
            for server, name, issuer in (
                (ours, client_id, ours.facts.issuer.replace("127.0.0.1", "localhost")),
                (theirs, theirs.facts.client_id, theirs.facts.issuer),
            )
        ]
        for server, client in sides:
            pair.must_be_es256_token(
                load.Load(f"{server.facts.issuer}/token", "POST", FORM, client.form(client.assertion()))
            )
            for _ in range(3):
                round_of(server, client, max(1.0, plan.warm_up_seconds / 3))
        mine, peers = rounds.alternate(
            plan, lambda: round_of(*sides[0], plan.seconds), lambda: round_of(*sides[1], plan.seconds)
        )
    judged = rounds.Judged(
        "client_credentials by private_key_jwt against npm oidc-provider 9 (in-memory adapter, one process)",
        "tokens/s",
        must=1.0,
        aim=1.3,
    )
    return [pair.figure(judged, mine, peers)]
