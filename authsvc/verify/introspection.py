"""The verdict on one access token by asking its issuer: for opaque tokens, and where revocation counts at once."""

import re
import time
from collections.abc import Callable, Collection
from hashlib import sha256

from authsvc.crypto.algorithms import SIGNING_ALGORITHMS
from authsvc.crypto.claims import Expectation, check_claims
from authsvc.crypto.errors import TokenError
from authsvc.crypto.jws import MAX_TOKEN_BYTES, VerifiedClaims
from authsvc.verify.access_token import AccessToken, read_access_token
from authsvc.verify.errors import KeysUnavailable, TokenRejected
from authsvc.verify.judgement import Steps, block, check_leeway, let_run
from authsvc.verify.memory import Instant
from authsvc.verify.metadata import check_issuer
from authsvc.verify.questions import Answer, Questions, again

MAX_CACHE_SECONDS = 60
_REQUIRED_CLAIMS = frozenset({"iss", "aud", "sub"})
"""RFC 7662 §2.2 has no `client_id` where no client had it (a person's API key), and no `exp` where there is no end.

That it has not ended is then the issuer's word alone, which counts for `cache_seconds` and no longer.
"""
_TOKEN = re.compile(r"[A-Za-z0-9\-._~+/]+=*")


class IntrospectionVerifier:
    """Judges the access tokens of one issuer for one resource by asking it; thread-safe, made once per process.

    Args:
        issuer, audience, leeway_seconds: as for TokenVerifier.
        client_id, client_secret: of a client that is this resource's server there, by `client_secret_basic`.
        cache_seconds: how old an answer may be that is used again, at most 60; 0 asks for each request. A revoked
            token is refused after that; a refusal is remembered for 1 s at most.
        timeout_seconds: how long finding the endpoint and asking may take in all.
        max_seen_tokens: how many answers are remembered, accepted tokens and refused ones apart.

    Raises:
        ValueError: an argument cannot be served safely.
    """

    def __init__(  # noqa: PLR0913 - keyword options with defaults, of the one object users make by hand
        self,
        issuer: str,
        audience: str | Collection[str],
        *,
        client_id: str,
        client_secret: str,
        cache_seconds: float = 5.0,
        leeway_seconds: int = 60,
        timeout_seconds: float = 5.0,
        max_seen_tokens: int = 4096,
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        check_issuer(issuer)
        check_leeway(leeway_seconds)
        if not client_id or not client_secret:
            raise ValueError("client_id and client_secret must be named")
        if not 0 <= cache_seconds <= MAX_CACHE_SECONDS:
            raise ValueError(f"cache_seconds must be 0 to {MAX_CACHE_SECONDS}")
        self._expected = Expectation(
            # How a token is signed is its issuer's affair here.
            algorithms=frozenset(SIGNING_ALGORITHMS),
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
        from authsvc.verify.introspection_endpoint import IntrospectionEndpoint  # noqa: PLC0415

        self._endpoint = IntrospectionEndpoint(issuer, client_id, client_secret, timeout_seconds)
        self._questions = Questions(
            self._endpoint.ask, self._judge, self._now, cache_seconds=cache_seconds, size=max_seen_tokens
        )

    def verify(self, token: str) -> AccessToken:
        """Return what the issuer says of the token, if it is good. Blocks while the issuer is asked.

        Raises:
            TokenRejected: the token is bad, or bad here (401).
            KeysUnavailable: the issuer cannot be asked now, or will not tell us (503).

        Source: RFC 7662 §2.
        """
        return block(self._steps(token), self._wait_seconds)

    async def verify_async(self, token: str) -> AccessToken:
        """Do as `verify` does, but let the event loop run while the issuer is asked."""
        return await let_run(self._steps(token), self._wait_seconds)

    def close(self) -> None:
        """End the connections and the thread that this verifier holds; it may be used again."""
        self._endpoint.close()

    def _now(self) -> Instant:
        return Instant(self._clock(), self._monotonic())

    def _steps(self, token: str) -> Steps:
        # What no issuer hands out is not worth a question.
        if len(token) > MAX_TOKEN_BYTES:
            raise TokenRejected("too_large", "the token is too large")
        if not _TOKEN.fullmatch(token):
            raise TokenRejected("malformed", "a character that access tokens do not have")
        token_hash, now = sha256(token.encode()).digest(), self._now()
        remembered = self._questions.remembered(token_hash, now)
        if remembered is not None:
            return remembered
        question = self._questions.ask(token, token_hash, now)
        yield question.done
        outcome = question.outcome
        if outcome is None:
            self._questions.give_up(token_hash, question)
            raise KeysUnavailable("the issuer has not answered in time")
        if isinstance(outcome, AccessToken):
            return outcome
        raise again(outcome)

    def _judge(self, answer: Answer, now: Instant) -> AccessToken:
        if answer["active"] is not True:
            raise TokenRejected("inactive", "the issuer says that the token is not active")
        claims = {name: value for name, value in answer.items() if name != "active"}
        if str(claims.get("token_type", "Bearer")).lower() != "bearer":
            raise TokenRejected("proof_required", "the token is not a bearer token")
        try:
            check_claims(claims, self._expected, now.wall)
        except TokenError as error:
            raise TokenRejected(error.rule, str(error)) from error
        return read_access_token(VerifiedClaims(claims))
