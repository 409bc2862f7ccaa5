"""Answers to requests with an Idempotency-Key: of two at once, one row wins."""

from datetime import datetime

from sqlalchemy import Column, Index, LargeBinary, Table, Text, delete, select
from sqlalchemy.dialects.postgresql import insert

from authsvc.domain.idempotent_answers import IdempotentAnswer
from authsvc.storage.sql.base import Instant, Store, given, metadata, owned, tenant_column

idempotent_answers = Table(
    "idempotent_answers",
    metadata,
    tenant_column(),
    Column("key_hash", Text, primary_key=True),
    Column("answer_encrypted", LargeBinary, nullable=False),
    Column("expires_at", Instant, nullable=False),
)
Index(None, idempotent_answers.c.tenant_id, idempotent_answers.c.expires_at)

_THIS = (owned(idempotent_answers), idempotent_answers.c.key_hash == given("which", idempotent_answers.c.key_hash))
_NOW = given("now", idempotent_answers.c.expires_at)

_FIND = select(
    idempotent_answers.c.key_hash, idempotent_answers.c.answer_encrypted, idempotent_answers.c.expires_at
).where(*_THIS, idempotent_answers.c.expires_at > _NOW)
_FORGET = delete(idempotent_answers).where(*_THIS, idempotent_answers.c.expires_at <= _NOW)
_ADD = insert(idempotent_answers).on_conflict_do_nothing().returning(idempotent_answers.c.key_hash)


class SqlIdempotentAnswers(Store):
    """Implements IdempotentAnswers."""

    def find(self, key_hash: str, now: datetime) -> IdempotentAnswer | None:
        """Return the answer, unless it has expired."""
        row = self._work.row(_FIND, tenant=self._tenant_id, which=key_hash, now=now)
        return None if row is None else IdempotentAnswer(*row)

    def add(self, answer: IdempotentAnswer, now: datetime) -> bool:
        """Keep the answer; False if there is a live one. Waits for who is just adding one."""
        self._work.write(_FORGET, tenant=self._tenant_id, which=answer.key_hash, now=now)
        added = self._work.write_returning(
            _ADD, tenant_id=self._tenant_id, key_hash=answer.key_hash, answer_encrypted=answer.answer_encrypted,
            expires_at=answer.expires_at,
        )  # fmt: skip
        return bool(added)
