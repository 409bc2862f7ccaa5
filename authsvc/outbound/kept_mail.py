"""Letters that leave for nowhere: `authsvc dev` keeps them in memory, to be read at /dev/outbox."""

from collections import deque
from uuid import UUID

from authsvc.domain.mail.outbox import Mail

MOST_LETTERS = 100


class KeptMail:
    """Implements Mailer: the newest letters of this process, for whoever sits at this machine."""

    def __init__(self) -> None:
        self._letters: deque[tuple[UUID, Mail]] = deque(maxlen=MOST_LETTERS)

    def send(self, letter_id: UUID, mail: Mail) -> None:
        """Keep a letter instead of sending it."""
        self._letters.append((letter_id, mail))

    def letters(self) -> tuple[tuple[UUID, Mail], ...]:
        """Return what is kept, newest first."""
        return tuple(reversed(self._letters))
