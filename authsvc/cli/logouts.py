"""authsvc logouts: which clients were told that a session has ended, and which could not be."""

from uuid import UUID

import typer

from authsvc.cli.installation import reading
from authsvc.cli.options import AS_JSON, TENANT
from authsvc.cli.output import Record, instant, show_list
from authsvc.domain.sign_in.logout_deliveries import LogoutDelivery

_AFTER = typer.Option(None, "--after", help="Go on after this id, the last one of the list before.")
commands = typer.Typer(name="logouts", help="Whether clients were told of sessions that have ended.")


@commands.callback()
def _noun() -> None:
    """A callback keeps the only verb a verb."""


@commands.command("list")
def list_logouts(
    tenant: str | None = TENANT,
    as_json: bool = AS_JSON,
    limit: int = typer.Option(100, min=1, max=1_000, help="At most so many."),
    after: UUID | None = _AFTER,
) -> None:
    """List the deliveries of the last seven days, oldest first; those without an outcome are still tried."""
    with reading(tenant) as desk:
        found = [_record(delivery) for delivery in desk.uow.logout_deliveries.list(after, limit)]
    show_list(found, as_json=as_json, columns=("id", "client_id", "created_at", "attempts", "outcome", "detail"))


def _record(delivery: LogoutDelivery) -> Record:
    return {
        "id": str(delivery.id), "client_id": delivery.client_id, "session_id": str(delivery.session_id),
        "user_id": str(delivery.user_id), "created_at": instant(delivery.created_at),
        "next_attempt_at": None if delivery.outcome else instant(delivery.send_after),
        "attempts": delivery.attempts, "outcome": delivery.outcome, "detail": delivery.detail,
    }  # fmt: skip
