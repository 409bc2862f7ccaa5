"""Gives every signing key that is old enough its successor (DESIGN 6.4); published first, it signs later."""

import logging
import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from uuid import UUID

from authsvc.clock import Clock
from authsvc.domain.keyring import UNPUBLISHED, KeyRecord, Keyring
from authsvc.observe import logging as observe
from authsvc.storage.sql.engine import Storage

EVERY_SECONDS = 3_600


def rotating_keys(
    storage: Storage, keyring: Keyring, clock: Clock, signing_key_seconds: int
) -> Callable[[threading.Event], bool]:
    """Return the job. `signing_key_seconds`: the age at which a key gets a successor."""

    def run(stopping: threading.Event) -> bool:
        # Not one after another: ten thousand look-ups would be in the way of the process's requests.
        for tenant_id in storage.tenants_with_old_keys(clock() - timedelta(seconds=signing_key_seconds)):
            if stopping.is_set():
                break
            _rotate(tenant_id)
        return False

    def _rotate(tenant_id: UUID) -> None:
        now, uow = clock(), storage.unit_of_work(tenant_id)
        try:
            for algorithm in due_algorithms(uow.keys.list(), now - timedelta(seconds=signing_key_seconds)):
                successor = keyring.rotate(algorithm, uow, now)
                observe.log(logging.INFO, "key_rotated", "a signing key has a successor", tenant=str(tenant_id),
                            algorithm=algorithm, kid=successor.kid)  # fmt: skip
            uow.commit()
        finally:
            uow.close()

    return run


def due_algorithms(records: tuple[KeyRecord, ...], born_before: datetime) -> tuple[str, ...]:
    """Return the algorithms whose newest living key was made before that instant."""
    newest: dict[str, KeyRecord] = {}
    for record in records:
        if record.algorithm not in UNPUBLISHED and record.revoked_at is None:
            known = newest.get(record.algorithm)
            if known is None or record.ordinal > known.ordinal:
                newest[record.algorithm] = record
    return tuple(algorithm for algorithm, record in newest.items() if record.created_at < born_before)
