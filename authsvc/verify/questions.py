"""Which tokens an issuer is asked about, who shares an answer, and for how long it counts."""

import logging
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field
from threading import Lock

from authsvc.verify.access_token import AccessToken
from authsvc.verify.errors import KeysUnavailable, MetadataInvalid, TokenRejected, Unreachable
from authsvc.verify.memory import Instant, Memory, Remembered

REFUSED_SECONDS = 1.0
"""How long at most a token is refused without asking again."""
RETRY_SECONDS = 1.0
"""How long nobody is asked after an issuer could not be reached."""
MAX_QUESTIONS = 256
"""Under way at once: made-up tokens must not pile up without end."""
_LOG_SECONDS = 10.0

_logger = logging.getLogger("authsvc.verify")

Answer = Mapping[str, object]
Land = Callable[[Answer | KeysUnavailable], None]
Ask = Callable[[str, Land], None]
"""Asks about a token; calls back once, from any thread, with the answer or why there is none."""
Judge = Callable[[Answer, Instant], AccessToken]
Outcome = AccessToken | TokenRejected | KeysUnavailable


@dataclass(slots=True)
class Question:
    """One question under way. `done` never fails; then `outcome` says what came of it."""

    asked_at: Instant
    done: "Future[None]" = field(default_factory=Future)
    outcome: Outcome | None = None


class Questions:
    """What is asked and remembered of one issuer's tokens, by their SHA-256; thread-safe.

    No verdict is given that was asked for more than `cache_seconds` ago, whether remembered or shared.
    """

    def __init__(
        self,
        ask: Ask,
        judge: Judge,
        now: Callable[[], Instant],
        *,
        cache_seconds: float,
        size: int,
    ) -> None:
        self._ask = ask
        self._judge = judge
        self._now = now
        self._cache_seconds = cache_seconds
        self._lock = Lock()
        self._under_way: dict[bytes, Question] = {}
        self._good: Memory[AccessToken] = Memory(size)
        # Apart from the good ones: anyone can make up tokens, and push others out.
        self._refused: Memory[TokenRejected] = Memory(size)
        self._failed: tuple[KeysUnavailable, Instant] | None = None
        self._logged_at: Instant | None = None

    def remembered(self, token_hash: bytes, now: Instant) -> AccessToken | None:
        """Return the token if it was found good lately. Raises: TokenRejected if it was refused lately."""
        good = self._good.get(token_hash)
        if good is not None and good.stands(*now):
            return good.verdict
        refused = self._refused.get(token_hash)
        if refused is not None and refused.stands(*now):
            raise again(refused.verdict)
        return None

    def ask(self, token: str, token_hash: bytes, now: Instant) -> Question:
        """Ask about a token, or join a question that is young enough.

        Raises:
            KeysUnavailable: the issuer could not be reached a moment ago, or too many questions are under way.
        """
        with self._lock:
            if self._failed is not None and now.since(self._failed[1]) < RETRY_SECONDS:
                raise again(self._failed[0])
            question = self._under_way.get(token_hash)
            if question is not None and now.since(question.asked_at) < self._cache_seconds:
                return question
            if len(self._under_way) >= MAX_QUESTIONS:
                raise KeysUnavailable("too many tokens are asked about at once")
            question = Question(now)
            # A running future cannot be cancelled: one waiter that gives up must not take the others with it.
            question.done.set_running_or_notify_cancel()
            self._under_way[token_hash] = question
        self._ask(token, lambda outcome: self._land(token_hash, question, outcome))
        return question

    def give_up(self, token_hash: bytes, question: Question) -> None:
        """Forget a question that was lost: its thread did not survive a fork."""
        with self._lock:
            if self._under_way.get(token_hash) is question:
                del self._under_way[token_hash]

    def _land(self, token_hash: bytes, question: Question, outcome: Answer | KeysUnavailable) -> None:
        question.outcome = outcome if isinstance(outcome, KeysUnavailable) else self._verdict(outcome)
        self.give_up(token_hash, question)
        self._settle(token_hash, question.asked_at, question.outcome)
        question.done.set_result(None)

    def _verdict(self, answer: Answer) -> Outcome:
        try:
            return self._judge(answer, self._now())
        except (TokenRejected, KeysUnavailable) as error:
            return error
        except Exception as error:  # noqa: BLE001 - whatever it is, those who wait must learn of it
            return KeysUnavailable(f"judging failed: {type(error).__name__}")

    def _settle(self, token_hash: bytes, asked_at: Instant, outcome: Outcome) -> None:
        now, seconds = self._now(), self._cache_seconds
        if isinstance(outcome, KeysUnavailable):
            self._note(outcome, now)
            return
        self._failed = None
        if isinstance(outcome, AccessToken):
            until_wall = asked_at.wall + seconds
            if outcome.expires_at is not None:
                until_wall = min(until_wall, outcome.expires_at.timestamp())
            self._good.add(token_hash, Remembered(outcome, until_wall, asked_at.monotonic + seconds), now)
            return
        seconds = min(seconds, REFUSED_SECONDS)
        refused = Remembered(outcome, asked_at.wall + seconds, asked_at.monotonic + seconds)
        self._refused.add(token_hash, refused, now)

    def _note(self, failure: KeysUnavailable, now: Instant) -> None:
        # Only what concerns every token: one that the issuer cannot answer for must not close the door to others.
        if isinstance(failure, (Unreachable, MetadataInvalid)):
            self._failed = failure, now
        if self._logged_at is None or now.since(self._logged_at) >= _LOG_SECONDS:
            self._logged_at = now
            _logger.warning("token not introspected: %s", failure.detail)


def again(error: TokenRejected | KeysUnavailable) -> TokenRejected | KeysUnavailable:
    """Return it anew: a shared exception would gather the tracebacks of all who raise it."""
    if isinstance(error, TokenRejected):
        return TokenRejected(error.reason, error.detail)
    return type(error)(error.detail, retry_after_seconds=error.retry_after_seconds)
