"""Clients with every role of the admin API, in both tenants, and their calls."""

import secrets
from dataclasses import dataclass, field
from typing import Any

import httpx
import jwt

from authsvc.domain.administration import admin_audience
from authsvc.domain.parties.clients import check_client, with_new_secret
from authsvc.domain.tenants import Tenant
from tests.flows.world import World, a_client


@dataclass(slots=True)
class Admins:
    """The world, with administrators in it as they are asked for."""

    world: World
    tokens: dict[tuple[str, frozenset[str]], str] = field(default_factory=dict)

    def client(self, *scopes: str, tenant: Tenant | None = None, **changed: Any) -> tuple[str, str]:
        """The id and secret of a new client that has these scopes at its tenant's admin API."""
        where = tenant or self.world.tenant
        found = {"resources": frozenset({admin_audience(where.issuer)}), "scopes": frozenset(scopes), **changed}
        blank = a_client(
            f"ops-{secrets.token_hex(4)}", self.world.clock(), auth_method="client_secret_basic", first_party=False,
            grant_types=frozenset({"client_credentials"}), **found,
        )  # fmt: skip
        client, secret = with_new_secret(blank, self.world.clock())
        with self.world.change(where) as uow:
            uow.clients.add(check_client(client))
        return client.id, secret

    def ask(self, client: tuple[str, str], tenant: Tenant | None = None, **fields: Any) -> httpx.Response:
        """POST /token as this client."""
        path = (tenant or self.world.tenant).path
        data = {"grant_type": "client_credentials", **fields}
        return self.world.http.post(f"{path}/token", data=data, auth=httpx.BasicAuth(*client))

    def token(self, *scopes: str, tenant: Tenant | None = None) -> str:
        """An admin token with these scopes."""
        key = ((tenant or self.world.tenant).name, frozenset(scopes))
        if key not in self.tokens:
            answer = self.ask(self.client(*scopes, tenant=tenant), tenant)
            assert answer.status_code == 200, answer.text
            self.tokens[key] = answer.json()["access_token"]
        return self.tokens[key]

    def who(self, scope: str) -> str:
        """The id of the client that calls with this scope."""
        return str(jwt.decode(self.token(scope), options={"verify_signature": False})["client_id"])

    def events(self, answer: httpx.Response) -> list[tuple[str, str | None]]:
        """What the audit trail says that a request did."""
        with self.world.change() as uow:
            return [(row.event, row.detail) for row in uow.audit.find_request(answer.headers["x-request-id"])]

    def call(self, scope: str, method: str, path: str, tenant: Tenant | None = None, **how: Any) -> httpx.Response:
        """A call with a token of this scope; If-Match is * unless the test says otherwise."""
        matching = {"If-Match": "*"} if method in ("PATCH", "DELETE") else {}
        bearer = {"Authorization": f"Bearer {self.token(scope, tenant=tenant)}"}
        headers = {name: value for name, value in {**matching, **bearer, **how.pop("headers", {})}.items() if value}
        where = path if path.startswith("http") else f"{(tenant or self.world.tenant).path}{path}"
        return self.world.http.request(method, where, headers=headers, **how)


def fields_of(answer: httpx.Response) -> set[str]:
    """The fields that a refusal names."""
    assert answer.status_code == 422, answer.text
    return {error["field"] for error in answer.json()["errors"]}
