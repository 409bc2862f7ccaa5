"""All the ways in which something can be over, behind the application's back, and how each is mended."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

import jwt

from authsvc.domain.keyring import OPAQUE
from tests.flows.doors import Door, Visit

Undo = Callable[[], None]


@dataclass(frozen=True, slots=True)
class End:
    """Something that is over: whom it concerns, and how it comes to be so; `apply` returns how to mend it."""

    concerns: Callable[[Door], object]
    apply: Callable[[Visit, Door], Undo]


def _nothing() -> None:
    """Whatever ended was one visit's own."""


def _user(verb: str) -> Callable[[Visit, Door], Undo]:
    def apply(visit: Visit, door: Door) -> Undo:
        with visit.shop.world.change() as uow:
            if verb == "disable":
                assert uow.users.disable(visit.person.id, visit.shop.world.clock())
            else:
                assert uow.users.delete(visit.person.id)
        return _nothing

    return apply


def _registered(store: str, which: str, verb: str) -> Callable[[Visit, Door], Undo]:
    """A row of uow.clients, uow.resources or uow.issuers, which the door names in its attribute `which`."""

    def apply(visit: Visit, door: Door) -> Undo:
        world, name = visit.shop.world, getattr(door, which)
        with world.change() as uow:
            rows = getattr(uow, store)
            found = (
                next((each for each in rows.list() if each.audience == name), None)
                if store == "resources"
                else rows.get(name)
            )
            assert found is not None
            assert rows.disable(name, world.clock()) if verb == "disable" else rows.delete(name)

        def mend() -> None:
            with world.change() as uow:
                rows = getattr(uow, store)
                if verb == "disable":
                    assert rows.enable(name)
                else:
                    rows.add(found)

        return mend

    return apply


def _tenant(visit: Visit, door: Door) -> Undo:
    world = visit.shop.world
    with world.change() as uow:
        assert uow.tenants.disable(world.tenant.id, world.clock())

    def mend() -> None:
        with world.change() as uow:
            assert uow.tenants.enable(world.tenant.id)

    return mend


def _session(visit: Visit, door: Door) -> Undo:
    with visit.shop.world.change() as uow:
        assert uow.sessions.end_all(visit.person.id, visit.shop.world.clock())
    return _nothing


def _family(visit: Visit, door: Door) -> Undo:
    with visit.shop.world.change() as uow:
        assert uow.families.end(visit.family_id(), visit.shop.world.clock())
    return _nothing


def _token(visit: Visit, door: Door) -> Undo:
    now = visit.shop.world.clock()
    with visit.shop.world.change() as uow:
        if visit.key_id is not None:
            assert uow.api_keys.revoke(visit.key_id, now)
        else:
            uow.access_tokens.revoke(visit.token_id(), now + timedelta(days=1))
    return _nothing


def _signing_key(visit: Visit, door: Door) -> Undo:
    keyring, kid = visit.shop.keyring(), jwt.get_unverified_header(visit.held)["kid"]
    with visit.shop.world.change() as uow:
        assert keyring.revoke(kid, uow, visit.shop.world.clock())
    return _nothing


def _refresh_key(visit: Visit, door: Door) -> Undo:
    keyring, now = visit.shop.keyring(), visit.shop.world.clock()
    with visit.shop.world.change() as uow:
        live = [each.kid for each in uow.keys.list() if each.algorithm == OPAQUE and each.revoked_at is None]
        assert [keyring.revoke(kid, uow, now) for kid in live] == [True]
    return _nothing


ENDS: dict[str, End] = {
    "user disabled": End(lambda door: door.has_person, _user("disable")),
    "user deleted": End(lambda door: door.has_person, _user("delete")),
    "requester disabled": End(lambda door: door.requester, _registered("clients", "requester", "disable")),
    "requester deleted": End(lambda door: door.requester, _registered("clients", "requester", "delete")),
    "its client disabled": End(lambda door: door.of_client, _registered("clients", "of_client", "disable")),
    "its client deleted": End(lambda door: door.of_client, _registered("clients", "of_client", "delete")),
    "target disabled": End(lambda door: door.target, _registered("resources", "target", "disable")),
    "target deleted": End(lambda door: door.target, _registered("resources", "target", "delete")),
    "audience disabled": End(lambda door: door.audience, _registered("resources", "audience", "disable")),
    "audience deleted": End(lambda door: door.audience, _registered("resources", "audience", "delete")),
    "issuer disabled": End(lambda door: door.issuer, _registered("issuers", "issuer", "disable")),
    "issuer deleted": End(lambda door: door.issuer, _registered("issuers", "issuer", "delete")),
    "tenant disabled": End(lambda door: True, _tenant),
    "session ended": End(lambda door: door.has_session, _session),
    "family ended": End(lambda door: door.has_session, _family),
    "token revoked": End(lambda door: door.can_be_revoked, _token),
    "signing key revoked": End(lambda door: door.signed, _signing_key),
    "refresh key revoked": End(lambda door: door.refreshes, _refresh_key),
}
