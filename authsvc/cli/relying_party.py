"""What a client is to browsers: where they are sent back to, and what it is told. A command of `authsvc clients`."""

from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import typer

from authsvc.cli import registered
from authsvc.cli.installation import changing
from authsvc.cli.options import JWKS_FILE, JWKS_URI, TENANT, allowed_hosts, key_source
from authsvc.cli.refusal import Refused
from authsvc.domain.parties.clients import check_client
from authsvc.domain.parties.relying_parties import (
    APPLICATION_TYPES,
    NO_RELYING_PARTY,
    SUBJECT_TYPES,
    TEXTS,
    RelyingParty,
)

_ID = typer.Argument(metavar="CLIENT_ID")
_URI = '"" takes it away.'
REDIRECT_URIS = typer.Option(
    None, "--redirect-uri", help="Where browsers may be sent back to, compared as a whole; repeat for more."
)
_POST_LOGOUT_URIS = typer.Option(
    None, "--post-logout-redirect-uri", help="Where browsers may be sent after signing out; repeat for more."
)
_APPLICATION = typer.Option(
    None,
    "--application-type",
    help=f"{' or '.join(APPLICATION_TYPES)}: a native one may have a scheme of its own in its redirect URIs.",
)
_SUBJECT = typer.Option(
    None, "--subject-type", help=f"{' or '.join(SUBJECT_TYPES)}: whether its people have ids that only it knows."
)
_SECTOR = typer.Option(None, "--sector", help="The host for which pairwise ids are made, if it has several.")
_ID_TOKEN = typer.Option(None, "--id-token-algorithm", help="Signs its ID tokens and logout tokens.")
_USERINFO = typer.Option(None, "--userinfo-algorithm", help=f"Signs its answers of /userinfo; {_URI}")
_REQUEST_OBJECT = typer.Option(
    None, "--request-object-algorithm", help=f"It signs its authorization requests so, with keys of its own; {_URI}"
)
_FRONT = typer.Option(None, "--frontchannel-logout-uri", help=f"Is shown in a frame when a session ends; {_URI}")
_BACK = typer.Option(None, "--backchannel-logout-uri", help=f"Is told when a session ends; {_URI}")
_SESSION = typer.Option(
    None, "--logout-session/--no-logout-session", help="Whether it must be told which session has ended."
)
_CONSENT = typer.Option(
    None, "--skips-consent/--asks-consent", help="Your own client: people are not asked what it may do."
)
_MAX_AGE = typer.Option(None, "--default-max-age", min=-1, help="A sign-in may be so many seconds old; -1: any.")
_AUTH_TIME = typer.Option(None, "--require-auth-time/--no-require-auth-time", help="Always tell it the sign-in's time.")
_ACR = typer.Option(None, "--default-acr", help="How people should sign in if it asks for nothing; repeat for more.")
_LOGIN_URI = typer.Option(None, "--initiate-login-uri", help=f"Where a sign-in with it can be begun; {_URI}")
_TEXTS = typer.Option(
    None,
    "--text",
    metavar="NAME=TEXT",
    help=f"What people are shown: {', '.join(TEXTS)}, also NAME#de; repeat for more.",
)
_CONTACTS = typer.Option(None, "--contact", help="An address of who answers for it; repeat for more.")


def relying_party(  # noqa: PLR0913 - options
    client_id: str = _ID,
    redirect_uri: list[str] | None = REDIRECT_URIS,
    post_logout_redirect_uri: list[str] | None = _POST_LOGOUT_URIS,
    application_type: str | None = _APPLICATION,
    subject_type: str | None = _SUBJECT,
    sector: str | None = _SECTOR,
    id_token_algorithm: str | None = _ID_TOKEN,
    userinfo_algorithm: str | None = _USERINFO,
    request_object_algorithm: str | None = _REQUEST_OBJECT,
    jwks_file: Path | None = JWKS_FILE,
    jwks_uri: str | None = JWKS_URI,
    frontchannel_logout_uri: str | None = _FRONT,
    backchannel_logout_uri: str | None = _BACK,
    logout_session: bool | None = _SESSION,
    skips_consent: bool | None = _CONSENT,
    default_max_age: int | None = _MAX_AGE,
    require_auth_time: bool | None = _AUTH_TIME,
    default_acr: list[str] | None = _ACR,
    initiate_login_uri: str | None = _LOGIN_URI,
    text: list[str] | None = _TEXTS,
    contact: list[str] | None = _CONTACTS,
    tenant: str | None = TENANT,
) -> None:
    """Change how browsers come from a client and back; a repeated option replaces the list ("" empties it)."""
    given: dict[str, Any] = {
        "redirect_uris": _list(redirect_uri), "post_logout_redirect_uris": _list(post_logout_redirect_uri),
        "application_type": application_type, "subject_type": subject_type, "sector": sector,
        "userinfo_algorithm": userinfo_algorithm, "request_object_algorithm": request_object_algorithm,
        "frontchannel_logout_uri": frontchannel_logout_uri, "backchannel_logout_uri": backchannel_logout_uri,
        "frontchannel_logout_session_required": logout_session,
        "backchannel_logout_session_required": logout_session, "skips_consent": skips_consent,
        "default_max_age_seconds": default_max_age, "requires_auth_time": require_auth_time,
        "default_acr_values": _list(default_acr), "initiate_login_uri": initiate_login_uri, "texts": _texts(text),
        "contacts": _list(contact),
    }  # fmt: skip
    with changing(tenant) as desk:
        old = registered.client(desk, client_id)
        wanted: dict[str, Any] = {name: _or_none(value) for name, value in given.items() if value is not None}
        party = replace(old.relying_party, **wanted)
        jwks = key_source(jwks_file, jwks_uri, (old.jwks, old.jwks_uri))
        if request_object_algorithm == "" and old.auth_method != "private_key_jwt":
            jwks = (None, None)
        changed = replace(
            old, relying_party=party, id_token_algorithm=id_token_algorithm or old.id_token_algorithm, jwks=jwks[0],
            jwks_uri=jwks[1],
        )  # fmt: skip
        desk.uow.clients.save(check_client(changed, allowed_hosts(desk)))
        desk.record("client.updated", client_id=client_id)
    typer.echo(f"updated client {client_id}")


def shown(party: RelyingParty) -> Mapping[str, object]:
    """Return what is registered, as it is shown."""
    found = {member.name: getattr(party, member.name) for member in fields(party)}
    managed = found.pop("registration_token_hash") is not None
    told = {name: _plain(value) for name, value in found.items() if value != getattr(NO_RELYING_PARTY, name)}
    return told | {"manages_itself": True} if managed else told


def _list(given: Sequence[str] | None) -> tuple[str, ...] | None:
    return tuple(value for value in given if value) if given else None


def _texts(given: Sequence[str] | None) -> dict[str, str] | None:
    if not given:
        return None
    if wrong := [item for item in given if item and "=" not in item]:
        raise Refused(f"{wrong[0]!r} is no text: write NAME=TEXT, such as client_uri=https://shop.example.com.")
    return dict(item.split("=", 1) for item in given if item)


def _or_none(value: object) -> object:
    return None if value in ("", -1) else value


def _plain(value: object) -> object:
    if isinstance(value, tuple):
        return list(value)
    return dict(value) if isinstance(value, Mapping) else value
