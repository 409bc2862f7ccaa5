"""Answers that are kept for a while, so that a request which is sent again is answered again and not done again."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True, slots=True)
class IdempotentAnswer:
    """One answer: `key_hash` names who asked what with which key; the answer itself lies encrypted."""

    key_hash: str
    answer_encrypted: bytes = field(repr=False)
    expires_at: datetime


class IdempotentAnswers(Protocol):
    """Answers by their keys; `ports` tells how all stores are."""

    def find(self, key_hash: str, now: datetime) -> IdempotentAnswer | None:
        """Return the answer, unless it has expired."""

    def add(self, answer: IdempotentAnswer, now: datetime) -> bool:
        """Keep the answer in the place of one that has expired; False if there is a live one: somebody was quicker."""
