"""Exchange policies of clients: whose tokens one may turn into which. The commands are those of `authsvc clients`."""

from collections.abc import Sequence
from dataclasses import replace

import typer

from authsvc.cli import registered
from authsvc.cli.installation import Desk, changing
from authsvc.cli.options import TENANT, allowed_hosts
from authsvc.cli.output import Record
from authsvc.cli.refusal import Refused
from authsvc.domain.parties.clients import Client, check_client
from authsvc.domain.parties.trusted_issuers import SUBJECTS
from authsvc.domain.tokens.exchange import MODES, ExchangePolicy
from authsvc.protocol.grants.token_exchange import GRANT_TYPE

_ID = typer.Argument(metavar="CLIENT_ID", help="The client that may exchange tokens.")
_AUDIENCE = typer.Option(..., "--audience", help="The resource that the new tokens are for.")
_CLIENTS = typer.Option(None, "--client", help="The id of a client whose tokens it may exchange; repeat for more.")
_ISSUERS = typer.Option(None, "--issuer", help="A trusted issuer whose JWTs it may exchange; repeat for more.")
_API_KEYS = typer.Option(False, "--api-keys", help="It may exchange API keys.")
_SCOPES = typer.Option(
    None,
    "--scope",
    metavar="HAD=GIVEN,...",
    help="What a scope of the token becomes ('*=read': every token gives read); repeat for more.",
)
_ANY_AUDIENCE = typer.Option(
    False, "--any-audience", help="Also tokens that are for others than the client and the resources that it serves."
)
_MODES = typer.Option(None, "--mode", help=f"{' or '.join(sorted(MODES))}; both if none is said.")


def allow_exchange(  # noqa: PLR0913 - options
    client_id: str = _ID,
    audience: str = _AUDIENCE,
    client: list[str] | None = _CLIENTS,
    issuer: list[str] | None = _ISSUERS,
    api_keys: bool = _API_KEYS,
    scope: list[str] | None = _SCOPES,
    any_audience: bool = _ANY_AUDIENCE,
    mode: list[str] | None = _MODES,
    tenant: str | None = TENANT,
) -> None:
    """Let a client exchange tokens for those of one resource; takes the place of its earlier policy for it."""
    policy = ExchangePolicy(
        audience=audience, clients=frozenset(client or ()), issuers=frozenset(issuer or ()), api_keys=api_keys,
        scopes=_scopes(scope or ()), any_audience=any_audience, modes=frozenset(mode or MODES),
    )  # fmt: skip
    with changing(tenant) as desk:
        old = registered.client(desk, client_id)
        check_names(registered.known(desk), old, policy)
        others = tuple(known for known in old.exchanges if known.audience != audience)
        _save(desk, replace(old, exchanges=(*others, policy), grant_types=old.grant_types | {GRANT_TYPE}))
        desk.record("client.exchange_allowed", client_id=client_id, about=audience)
    typer.echo(f"client {client_id} may exchange tokens for {audience}")
    if GRANT_TYPE not in old.grant_types:
        typer.echo("It got the grant token-exchange, which it lacked.", err=True)
    if policy.clients and not any_audience and not old.serves:
        typer.echo(
            f"It serves no resource, so only tokens for {client_id} itself count: "
            f"`authsvc clients update {client_id} --serves AUDIENCE` says whose server it is.",
            err=True,
        )


def forbid_exchange(client_id: str = _ID, audience: str = _AUDIENCE, tenant: str | None = TENANT) -> None:
    """Take back what `allow-exchange` allowed; tokens that are out live until they expire."""
    with changing(tenant) as desk:
        old = registered.client(desk, client_id)
        kept = tuple(known for known in old.exchanges if known.audience != audience)
        if len(kept) == len(old.exchanges):
            raise Refused(f"Client {client_id} has no policy for {audience}: `authsvc clients show` lists them.")
        _save(desk, replace(old, exchanges=kept))
        desk.record("client.exchange_forbidden", client_id=client_id, about=audience)
    typer.echo(f"client {client_id} may no longer exchange tokens for {audience}")


def shown(policy: ExchangePolicy) -> Record:
    """Return the policy as it is shown."""
    return {
        "audience": policy.audience, "clients": sorted(policy.clients), "issuers": sorted(policy.issuers),
        "api_keys": policy.api_keys, "scopes": [f"{had}={','.join(sorted(given))}" for had, given in policy.scopes],
        "any_audience": policy.any_audience, "modes": sorted(policy.modes),
    }  # fmt: skip


def _save(desk: Desk, client: Client) -> None:
    desk.uow.clients.save(check_client(client, allowed_hosts(desk)))


def _scopes(given: Sequence[str]) -> tuple[tuple[str, frozenset[str]], ...]:
    """Read HAD=GIVEN,GIVEN; what is said twice of one scope adds up."""
    becomes: dict[str, frozenset[str]] = {}
    for text in given:
        had, _, names = text.partition("=")
        wanted = frozenset(name for name in names.split(",") if name)
        if not had or not wanted:
            raise Refused(f"{text!r} does not say what a scope becomes: write HAD=GIVEN or HAD=GIVEN,GIVEN.")
        becomes[had] = becomes.get(had, frozenset()) | wanted
    return tuple(sorted(becomes.items()))


def check_names(known: registered.Known, client: Client, policy: ExchangePolicy) -> None:
    """Refuse a policy that could only fail at the first exchange: names that are not there, or not for this.

    Raises: Refused.
    """
    if client.is_public:
        raise Refused(f"Client {client.id} is public, and exchanges are for confidential ones.")
    for client_id in sorted(policy.clients):
        registered.require_client(known, client_id)
    for name in sorted(policy.issuers):
        registered.issuer_for(known, name, SUBJECTS)
    (target,) = registered.resources(known, [policy.audience])
    given = frozenset[str]().union(*(names for _, names in policy.scopes))
    if unknown := given - target.scopes:
        raise Refused(
            f"{target.audience} has no scope {', '.join(sorted(unknown))}: "
            f"it has {', '.join(sorted(target.scopes)) or 'none'}."
        )
