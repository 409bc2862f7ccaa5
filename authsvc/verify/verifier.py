"""The verdict on one access token: remembered, or judged by the issuer's keys."""

import time
from collections.abc import Callable, Collection
from hashlib import sha256

from authsvc.crypto.algorithms import SIGNING_ALGORITHMS
from authsvc.crypto.errors import TokenError, UnknownKey
from authsvc.crypto.jws import MAX_TOKEN_BYTES, Expectation, unverified_kid
from authsvc.crypto.jws import verify as verify_jws
from authsvc.verify.access_token import AccessToken, read_access_token
from authsvc.verify.errors import TokenRejected
from authsvc.verify.judgement import Steps, block, check_leeway, let_run
from authsvc.verify.key_set import KEYS_REFUSED_AFTER_SECONDS, KeySet
from authsvc.verify.key_source import KeySource
from authsvc.verify.memory import Instant, Remembered
from authsvc.verify.metadata import check_issuer

SEEN_SECONDS = 60.0
_REQUIRED_CLAIMS = frozenset({"iss", "exp", "aud", "sub", "client_id", "iat", "jti"})


class TokenVerifier:
    """Judges the access tokens of one issuer for one resource; thread-safe, made once per process.

    Args:
        issuer: exactly as the issuer writes itself; https, or http on loopback.
        audience: the name(s) of this resource, of which a token must carry one.
        algorithms: signature algorithms to accept; never symmetric ones. Where the issuer's keys do not name
            theirs (`alg`), name one only for each key type.
        leeway_seconds: how far the clocks of issuer and resource may differ, at most 300; so much longer than
            its `exp` a token may live here.
        timeout_seconds: how long fetching metadata and keys may take in all.
        max_seen_tokens: how many accepted tokens are remembered, each for at most 60 s.

    Raises:
        ValueError: an argument cannot be served safely.
    """

    def __init__(  # noqa: PLR0913 - keyword options with defaults, of the one object users make by hand
        self,
        issuer: str,
        audience: str | Collection[str],
        *,
        algorithms: Collection[str] = SIGNING_ALGORITHMS,
        leeway_seconds: int = 60,
        timeout_seconds: float = 5.0,
        max_seen_tokens: int = 4096,
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        check_issuer(issuer)
        check_leeway(leeway_seconds)
        self._expected = Expectation(
            algorithms=frozenset(algorithms),
            typ="at+jwt",
            issuer=issuer,
            audience=audience if isinstance(audience, str) else frozenset(audience),
            leeway_seconds=leeway_seconds,
            required=_REQUIRED_CLAIMS,
        )
        self._clock = clock
        self._monotonic = monotonic
        self._wait_seconds = timeout_seconds + 1
        # Here, not at the top: it brings httpx, which takes longer to import than all the rest.
        from authsvc.verify.fetch import IssuerDocuments  # noqa: PLC0415

        self._source = KeySource(
            IssuerDocuments(issuer, timeout_seconds).load,
            self._expected.algorithms,
            self._now,
            flight_seconds=self._wait_seconds,
            seen_size=max_seen_tokens,
        )

    def verify(self, token: str) -> AccessToken:
        """Return what the token says, if it is good. Blocks while keys must be fetched.

        Raises:
            TokenRejected: the token is bad (401).
            KeysUnavailable: it cannot be judged now (503); MetadataInvalid when the metadata is not the
                issuer's own.

        Source: RFC 9068 §4.
        """
        return self._seen(token) or block(self._steps(token), self._wait_seconds)

    async def verify_async(self, token: str) -> AccessToken:
        """Do as `verify` does, but let the event loop run while keys are fetched."""
        return self._seen(token) or await let_run(self._steps(token), self._wait_seconds)

    def _now(self) -> Instant:
        return Instant(self._clock(), self._monotonic())

    def _seen(self, token: str) -> AccessToken | None:
        keys = self._source.current
        if keys is None or len(token) > MAX_TOKEN_BYTES or not token.isascii():
            return None
        seen = keys.seen.get(sha256(token.encode()).digest())
        if seen is None or not seen.stands(self._clock(), self._monotonic()):
            return None
        return seen.verdict

    def _steps(self, token: str) -> Steps:
        now = self._now()
        due = self._source.due(now)
        if due is not None:
            yield due
            now = self._now()
        keys = self._source.usable(now)
        try:
            return self._judge(token, keys, now)
        except UnknownKey as error:
            if unverified_kid(token) is None:
                raise TokenRejected(error.rule, str(error)) from error
            asked = self._source.ask_again(keys, waited=due is not None)
        if asked is not None:
            yield asked
            now = self._now()
        try:
            return self._judge(token, self._source.usable(now), now)
        except UnknownKey as error:
            # While the issuer cannot be asked, an unknown key may well be a new one of its own.
            raise self._source.failure() or TokenRejected(error.rule, str(error)) from error

    def _judge(self, token: str, keys: KeySet, now: Instant) -> AccessToken:
        try:
            claims = verify_jws(token, keys.by_kid.get, self._expected, now.wall)
        except UnknownKey:
            raise
        except TokenError as error:
            raise TokenRejected(error.rule, str(error)) from error
        accepted = read_access_token(claims)
        until = min(now.monotonic + SEEN_SECONDS, keys.fetched_at.monotonic + KEYS_REFUSED_AFTER_SECONDS)
        # Until `exp`: within the leeway a token is still accepted, but never from memory.
        keys.seen.add(sha256(token.encode()).digest(), Remembered(accepted, claims["exp"], until), now)
        return accepted
