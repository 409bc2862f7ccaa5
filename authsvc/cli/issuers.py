"""authsvc issuers: strangers whose signed tokens count here."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast

import typer

from authsvc.cli import registered
from authsvc.cli.installation import Desk, changing, reading
from authsvc.cli.options import AS_JSON, JWKS_FILE, JWKS_URI, NAME, TENANT, allowed_hosts, key_ids, key_source, replaced
from authsvc.cli.output import Record, instant, show_list, show_one
from authsvc.cli.refusal import Refused
from authsvc.cli.switches import Noun, add_switches
from authsvc.domain.configuration.kinds import blank_issuer
from authsvc.domain.parties.trusted_issuers import PURPOSES, SubjectKind, TrustedIssuer, check_trusted_issuer
from authsvc.domain.tenants import Tenant

commands = typer.Typer(name="issuers", help="Trusted issuers: others whose signed tokens count here.")
_ISSUER = typer.Argument(metavar="ISSUER", help="Its `iss`: an https URL, or spiffe://TRUST-DOMAIN.")
_ALGORITHMS = typer.Option(
    None, "--algorithm", help="An algorithm that it signs with (RS256 and ES256 if none is said); repeat for more."
)
_PURPOSES = typer.Option(
    None,
    "--purpose",
    help=f"What its tokens are for: {', '.join(sorted(PURPOSES))} (they authenticate clients, may be exchanged, "
    "sign people in); repeat for more.",
)
_AUDIENCES = typer.Option(
    None, "--audience", help="An audience that counts beside this server's own issuer; repeat for more."
)
_SUBJECT_CLAIM = typer.Option(None, "--subject-claim", help="The claim that names the user; sub if nothing is said.")
_SUBJECT_KIND = typer.Option(
    None, "--subject-kind", help="What that claim holds: user_id (if nothing is said), username or email."
)
_SUBJECTS = typer.Option(
    None, "--subject", help="Whom it may name, exactly or as a beginning with * (anyone if none); repeat for more."
)
_MAX_SECONDS = typer.Option(
    None, "--max-token-seconds", help="How long its tokens may live at most; 3600 if nothing is said."
)


@dataclass(frozen=True, slots=True)
class _Asked:
    name: str | None
    jwks_file: Path | None
    jwks_uri: str | None
    algorithms: Sequence[str] | None
    purposes: Sequence[str] | None
    audiences: Sequence[str] | None
    subject_claim: str | None
    subject_kind: str | None
    subjects: Sequence[str] | None
    max_token_seconds: int | None


@commands.command("list")
def list_issuers(tenant: str | None = TENANT, as_json: bool = AS_JSON) -> None:
    """List all trusted issuers."""
    with reading(tenant) as desk:
        found = [_record(issuer) for issuer in desk.uow.issuers.list()]
    show_list(found, as_json=as_json, columns=("issuer", "name", "purposes", "algorithms", "disabled_at"))


@commands.command()
def show(issuer: str = _ISSUER, tenant: str | None = TENANT, as_json: bool = AS_JSON) -> None:
    """Show one trusted issuer."""
    with reading(tenant) as desk:
        show_one(_record(registered.issuer(desk, issuer)), as_json=as_json)


@commands.command()
def create(  # noqa: PLR0913 - options
    issuer: str = _ISSUER,
    name: str | None = NAME,
    jwks_file: Path | None = JWKS_FILE,
    jwks_uri: str | None = JWKS_URI,
    algorithm: list[str] | None = _ALGORITHMS,
    purpose: list[str] | None = _PURPOSES,
    audience: list[str] | None = _AUDIENCES,
    subject_claim: str | None = _SUBJECT_CLAIM,
    subject_kind: str | None = _SUBJECT_KIND,
    subject: list[str] | None = _SUBJECTS,
    max_token_seconds: int | None = _MAX_SECONDS,
    tenant: str | None = TENANT,
) -> None:
    """Trust an issuer from now on, for the purposes that are named and no others."""
    asked = _Asked(
        name, jwks_file, jwks_uri, algorithm, purpose, audience, subject_claim, subject_kind, subject,
        max_token_seconds,
    )  # fmt: skip
    with changing(tenant) as desk:
        desk.uow.issuers.add(_changed(blank_issuer(issuer, desk.now), asked, desk))
        desk.record("issuer.created", about=issuer)
    typer.echo(f"issuer {issuer} is trusted for {', '.join(sorted(purpose or ()))}")


@commands.command()
def update(  # noqa: PLR0913 - options
    issuer: str = _ISSUER,
    name: str | None = NAME,
    jwks_file: Path | None = JWKS_FILE,
    jwks_uri: str | None = JWKS_URI,
    algorithm: list[str] | None = _ALGORITHMS,
    purpose: list[str] | None = _PURPOSES,
    audience: list[str] | None = _AUDIENCES,
    subject_claim: str | None = _SUBJECT_CLAIM,
    subject_kind: str | None = _SUBJECT_KIND,
    subject: list[str] | None = _SUBJECTS,
    max_token_seconds: int | None = _MAX_SECONDS,
    tenant: str | None = TENANT,
) -> None:
    """Change what is given; a repeated option replaces the whole list ("" empties it)."""
    asked = _Asked(
        name, jwks_file, jwks_uri, algorithm, purpose, audience, subject_claim, subject_kind, subject,
        max_token_seconds,
    )  # fmt: skip
    with changing(tenant) as desk:
        desk.uow.issuers.save(_changed(registered.issuer(desk, issuer), asked, desk))
        desk.record("issuer.updated", about=issuer)
    typer.echo(f"updated issuer {issuer}")


add_switches(
    commands,
    Noun(
        word="issuer",
        argument=_ISSUER,
        found=registered.issuer,
        store=lambda uow: uow.issuers,
        disabling="Refuse every token of an issuer, within a second on every node; what was had for them lives on.",
        enabling="Trust a disabled issuer again.",
        deleting="Trust an issuer no longer, for good.",
    ),
)


def _changed(old: TrustedIssuer, asked: _Asked, desk: Desk) -> TrustedIssuer:
    """Return the issuer with what was asked for. Raises: Refused, TrustedIssuerInvalid, KeySourceInvalid, OSError."""
    require_foreign(old, desk.tenant)
    jwks, jwks_uri = key_source(asked.jwks_file, asked.jwks_uri, (old.jwks, old.jwks_uri))
    issuer = replace(
        old,
        name=asked.name or old.name,
        jwks=jwks,
        jwks_uri=jwks_uri,
        algorithms=replaced(asked.algorithms, old.algorithms),
        purposes=replaced(asked.purposes, old.purposes),
        audiences=replaced(asked.audiences, old.audiences),
        subject_claim=asked.subject_claim or old.subject_claim,
        # Any text; check_trusted_issuer refuses what is none.
        subject_kind=cast(SubjectKind, asked.subject_kind or old.subject_kind),
        subjects=replaced(asked.subjects, old.subjects),
        max_token_seconds=old.max_token_seconds if asked.max_token_seconds is None else asked.max_token_seconds,
    )
    return check_trusted_issuer(issuer, allowed_hosts(desk))


def require_foreign(issuer: TrustedIssuer, tenant: Tenant) -> None:
    """Raise Refused if the tenant would trust itself."""
    if issuer.issuer == tenant.issuer:
        raise Refused("What this tenant signs itself is judged as its own: it cannot be a trusted issuer besides.")


def _record(issuer: TrustedIssuer) -> Record:
    return {
        "issuer": issuer.issuer, "name": issuer.name, "purposes": sorted(issuer.purposes),
        "algorithms": sorted(issuer.algorithms), "jwks": key_ids(issuer.jwks), "jwks_uri": issuer.jwks_uri,
        "audiences": sorted(issuer.audiences), "subject_claim": issuer.subject_claim,
        "subject_kind": issuer.subject_kind, "subjects": sorted(issuer.subjects),
        "max_token_seconds": issuer.max_token_seconds, "created_at": instant(issuer.created_at),
        "disabled_at": instant(issuer.disabled_at),
    }  # fmt: skip
