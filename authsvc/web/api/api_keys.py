"""/api-keys: the keys of a person (by their account token) or of a service (by its own Basic authentication)."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter
from pydantic import AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field

from authsvc.domain.tokens.api_keys import MAX_NAME, ApiKey, KeyOwner, WantedKey, new_api_key
from authsvc.protocol.api_keys import person_as_owner, service_as_owner
from authsvc.protocol.audit import record
from authsvc.protocol.client_auth import authenticate_client
from authsvc.protocol.grant import Issuing
from authsvc.protocol.scope import MAX_RESOURCES, MAX_SCOPES
from authsvc.web.api.account import AccountApi
from authsvc.web.api.lane_route import LaneRoute, runs_on
from authsvc.web.errors import HttpError
from authsvc.web.oauth.token import token_request
from authsvc.web.request import Call
from authsvc.web.responses import NO_STORE, Response, empty, json_response


def _words(value: object) -> object:
    """A form has no lists: there, the words of one text."""
    return value.split(" ") if isinstance(value, str) else value


Word = Annotated[str, Field(min_length=1, max_length=256)]
Resources = Annotated[list[Word], Field(max_length=MAX_RESOURCES)]
"""Bounded before `| None` is said: the length of a null would be a fault of ours."""


class ApiKeyBody(BaseModel):
    """What may be asked of a new key; every other field is refused by name."""

    model_config = ConfigDict(extra="forbid")

    name: Annotated[str, Field(min_length=1, max_length=MAX_NAME)]
    scopes: Annotated[list[Word], BeforeValidator(_words), Field(min_length=1, max_length=MAX_SCOPES)]
    resources: Annotated[Resources | None, BeforeValidator(_words)] = None
    expires_in: int | None = None
    expires_at: AwareDatetime | None = None


@dataclass(frozen=True, slots=True)
class ApiKeysApi:
    """What the endpoints are lent. `issuing` is asked for at each call: it is there only once the routes are."""

    account: AccountApi
    issuing: Callable[[], Issuing]

    def owner(self, call: Call, *, recent: bool = False) -> KeyOwner:
        """Return whose keys are asked for; with `recent`, a person must have signed in just now, as for what is grave.

        Raises: InvalidClient, UnauthorizedClient; what AccountApi.caller raises.
        """
        scheme = (call.request.header(b"authorization") or "").partition(" ")[0]
        if scheme.lower() == "basic":
            # By its secret: no assertion comes beside an Authorization header, so that none is to be used up.
            return service_as_owner(authenticate_client(token_request(call), call.uow, self.issuing()).client)
        caller = self.account.caller(call, recent=recent)
        return person_as_owner(caller.user, caller.claims["client_id"], call.uow)


def api_keys_router(api: ApiKeysApi) -> APIRouter:
    """Return the endpoints of API keys."""
    router = APIRouter(route_class=LaneRoute)

    @router.post("/api-keys", status_code=201)
    @runs_on("people")
    def create(call: Call, body: ApiKeyBody) -> Response:
        """Make an API key, shown only now. A person needs a recent login: the key outlives the session."""
        owner = api.owner(call, recent=True)

        def make() -> Response:
            key, secret = _made(body, owner, call)
            _record(call, "api_key.created", key)
            location = (b"location", f"{call.tenant.issuer}/api-keys/{key.id}".encode())
            return json_response(201, {**_told(key), "key": secret}, (*NO_STORE, location))

        return api.account.idempotency.once(call, owner.principal, make)

    @router.get("/api-keys")
    @runs_on("people")
    def read_all(call: Call) -> Response:
        """List the caller's own API keys that are not revoked; never the keys themselves."""
        owner = api.owner(call)
        found = call.uow.api_keys.list(user_id=owner.user_id, client_id=owner.client_id)
        return json_response(200, {"api_keys": [_told(key) for key in found]})

    @router.get("/api-keys/{key_id}")
    @runs_on("people")
    def read(call: Call, key_id: str) -> Response:
        """Return one of the caller's own API keys."""
        return json_response(200, _told(_own(key_id, api.owner(call), call)))

    @router.delete("/api-keys/{key_id}", status_code=204)
    @runs_on("people")
    def revoke(call: Call, key_id: str) -> Response:
        """Revoke one of the caller's own API keys: it is refused from now on."""
        key = _own(key_id, api.owner(call), call)
        call.uow.begin()
        if not call.uow.api_keys.revoke(key.id, call.request.now):
            raise _unknown()
        _record(call, "api_key.revoked", key)
        return empty(204)

    return router


def _made(body: ApiKeyBody, owner: KeyOwner, call: Call) -> tuple[ApiKey, str]:
    """Within the transaction, so that the owner's keys are counted before this one is added."""
    now, keys, registered = call.request.now, call.uow.api_keys, call.uow.resources.list()
    wanted = WantedKey(
        name=body.name,
        scopes=frozenset(body.scopes),
        resources=None if body.resources is None else frozenset(body.resources),
        lifetime_seconds=body.expires_in,
        expires_at=body.expires_at,
    )
    call.uow.begin()
    key, secret = new_api_key(wanted, owner, registered, keys.count_before_adding(owner, now), now)
    keys.add(key)
    return key, secret


def _own(presented_id: str, owner: KeyOwner, call: Call) -> ApiKey:
    """Return the caller's key; those of others are as unknown as those that never were. Raises: HttpError 404."""
    try:
        key = call.uow.api_keys.get(UUID(presented_id))
    except ValueError:
        raise _unknown() from None
    if key is None or key.revoked_at is not None or not owner.owns(key) or str(key.id) != presented_id:
        raise _unknown()
    return key


def _unknown() -> HttpError:
    return HttpError(404, "There is no such API key.")


def _record(call: Call, event: str, key: ApiKey) -> None:
    record(call.uow, call.request, event, user_id=key.user_id, client_id=key.client_id, detail=f"API key {key.id}")


def _told(key: ApiKey) -> Mapping[str, Any]:
    return {
        "id": str(key.id),
        "name": key.name,
        "hint": key.hint,
        "scopes": sorted(key.scopes),
        "resources": sorted(key.resources),
        "created_at": _instant(key.created_at),
        "expires_at": _instant(key.expires_at),
        "last_used_at": _instant(key.last_used_at),
    }


def _instant(at: datetime | None) -> str | None:
    return None if at is None else at.isoformat(timespec="seconds")
