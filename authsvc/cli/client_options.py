"""What can be said about a client when it is made or changed, and the client that it makes."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import typer

from authsvc.cli import registered
from authsvc.cli.installation import Desk
from authsvc.cli.options import allowed_hosts, key_source, replaced
from authsvc.cli.refusal import Refused
from authsvc.domain.administration import admin_audience, powers_of
from authsvc.domain.parties.clients import (
    AUTH_METHODS,
    CODE_GRANT,
    PROFILES,
    SHARED_SECRET_METHOD,
    Client,
    FederatedIdentity,
    check_client,
    secrets_kept,
)
from authsvc.domain.parties.resources import ACCOUNT_SCOPE, IDENTITY_SCOPES
from authsvc.domain.parties.trusted_issuers import WORKLOADS
from authsvc.protocol.grants import GRANTS

FIRST_PARTY = typer.Option(
    None, "--first-party/--no-first-party", help="Your own app: it may post people's passwords to /login."
)
AUTH_METHOD = typer.Option(
    None,
    "--auth-method",
    help=f"How it proves who it is, if not public: {', '.join(AUTH_METHODS[1:])}; client_secret_basic by default.",
)
ALGORITHMS = typer.Option(
    None,
    "--assertion-algorithm",
    help="An algorithm that it signs assertions with (client_secret_jwt: HS256 by default); repeat for more.",
)
PROFILE = typer.Option(
    None,
    "--profile",
    help=f"Rules that it is held to: {' or '.join(PROFILES)}; with oidc its assertions may name the token "
    "endpoint instead of the issuer.",
)
IDENTITIES = typer.Option(
    None,
    "--identity",
    metavar="'ISSUER SUBJECT [AUDIENCE]'",
    help="For federated_assertion: whose tokens of a trusted issuer are this client; repeat for more.",
)
GRANT_TYPES = typer.Option(
    None, "--grant", help="A grant type, such as client_credentials or token-exchange; repeat for more."
)
SCOPES = typer.Option(None, "--scope", help="A scope it may ask for; repeat for more.")
RESOURCES = typer.Option(
    None, "--resource", help="The audience of a resource it may use, ISSUER/admin for the admin API; repeat for more."
)
SERVES = typer.Option(
    None,
    "--serves",
    help="The audience of a resource whose server it is, so that it may introspect and exchange its tokens; "
    "repeat for more.",
)
ORIGINS = typer.Option(None, "--origin", help="A browser origin that may call for it; repeat for more.")

_DEFAULT_METHOD = "client_secret_basic"
_DEFAULT_SHARED_ALGORITHMS = frozenset({"HS256"})
_BY_SHORT_NAME = {grant_type.rpartition(":")[2]: grant_type for grant_type in GRANTS}
_MOST_WORDS = 3


@dataclass(frozen=True, slots=True)
class Asked:
    """What was typed; None: nothing."""

    name: str | None
    first_party: bool | None
    auth_method: str | None
    grants: Sequence[str] | None
    scopes: Sequence[str] | None
    resources: Sequence[str] | None
    serves: Sequence[str] | None
    origins: Sequence[str] | None
    algorithms: Sequence[str] | None
    identities: Sequence[str] | None
    jwks_file: Path | None
    jwks_uri: str | None
    profile: str | None
    redirect_uris: Sequence[str] | None


def new_client(client_id: str, asked: Asked, desk: Desk, *, public: bool) -> Client:
    """Return a client of that id, without secrets. Raises: Refused, ClientInvalid."""
    if public and asked.auth_method not in (None, "none"):
        raise Refused("A public client cannot prove who it is: leave out --public or --auth-method.")
    grants = {"refresh_token" if public or asked.first_party else "client_credentials"}
    if asked.redirect_uris:
        grants = {CODE_GRANT, "refresh_token"}
    nothing = frozenset[str]()
    blank = Client(
        id=client_id, name=client_id, auth_method="none" if public else asked.auth_method or _DEFAULT_METHOD,
        secrets=(), first_party=False, grant_types=frozenset(grants), scopes=nothing, resources=nothing,
        origins=nothing, profile="oauth2.1", id_token_algorithm="RS256", created_at=desk.now,
    )  # fmt: skip
    return changed_client(blank, asked, desk)


def changed_client(old: Client, asked: Asked, desk: Desk) -> Client:
    """Return the client with what was asked for. Raises: Refused, ClientInvalid, KeySourceInvalid, OSError.

    With another authentication method, what belonged to the old one goes: secrets, keys, identities.
    """
    method = asked.auth_method or old.auth_method
    base = old if method == old.auth_method else _without_proofs(old, method)
    jwks, jwks_uri = key_source(asked.jwks_file, asked.jwks_uri, (base.jwks, base.jwks_uri))
    algorithms = replaced(asked.algorithms, base.assertion_algorithms)
    if method == SHARED_SECRET_METHOD:
        algorithms = algorithms or _DEFAULT_SHARED_ALGORITHMS
    client = replace(
        base,
        name=asked.name or base.name,
        auth_method=method,
        profile=asked.profile or base.profile,
        first_party=base.first_party if asked.first_party is None else asked.first_party,
        grant_types=frozenset(_BY_SHORT_NAME.get(name, name) for name in replaced(asked.grants, base.grant_types)),
        scopes=replaced(asked.scopes, base.scopes),
        resources=replaced(asked.resources, base.resources),
        serves=replaced(asked.serves, base.serves),
        origins=replaced(asked.origins, base.origins),
        assertion_algorithms=algorithms,
        identities=_identities(asked.identities, base.identities),
        jwks=jwks,
        jwks_uri=jwks_uri,
        relying_party=replace(base.relying_party, redirect_uris=_uris(asked, base)),
    )
    check_names(registered.known(desk), client)
    return check_client(client, allowed_hosts(desk))


def _uris(asked: Asked, base: Client) -> tuple[str, ...]:
    given = asked.redirect_uris
    return tuple(uri for uri in given if uri) if given else base.relying_party.redirect_uris


def _without_proofs(client: Client, method: str) -> Client:
    kept = secrets_kept(client, method)
    return replace(client, secrets=kept, jwks=None, jwks_uri=None, assertion_algorithms=frozenset(), identities=())


def _identities(given: Sequence[str] | None, old: tuple[FederatedIdentity, ...]) -> tuple[FederatedIdentity, ...]:
    return tuple(_identity(text) for text in given if text) if given else old


def _identity(text: str) -> FederatedIdentity:
    words = text.split()
    if not 1 < len(words) <= _MOST_WORDS:
        raise Refused(f"{text!r} is no identity: give issuer and subject (and audience) as one argument with spaces.")
    return FederatedIdentity(*words)


def check_names(known: registered.Known, client: Client) -> None:
    """Refuse what would only fail at the first token: a name of something that is not there, or not for this.

    Raises: Refused.
    """
    if unknown := client.grant_types - GRANTS.keys() - {CODE_GRANT}:
        raise Refused(f"There is no grant type {', '.join(sorted(unknown))}: choose among {', '.join(_BY_SHORT_NAME)}.")
    scopes = {ACCOUNT_SCOPE, *IDENTITY_SCOPES, *powers_of(client, known.tenant)}
    for resource in registered.resources(known, client.resources - {admin_audience(known.tenant.issuer)}):
        scopes |= resource.scopes
    if unknown := client.scopes - scopes:
        raise Refused(
            f"None of the client's resources has the scope {', '.join(sorted(unknown))}: name it with --resource."
        )
    registered.resources(known, client.serves)
    for identity in client.identities:
        if not registered.issuer_for(known, identity.issuer, WORKLOADS).may_name(identity.subject):
            raise Refused(
                f"Issuer {identity.issuer} may not name {identity.subject}: "
                f"`authsvc issuers update {identity.issuer} --subject ...` lets it."
            )
