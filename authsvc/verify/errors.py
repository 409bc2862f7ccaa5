"""Why a token was not accepted: the token's fault (401) or ours for want of keys (503)."""

from authsvc.errors import AuthsvcError


class VerificationError(AuthsvcError):
    """Base: the token was not accepted."""

    rule = "verification"


class TokenRejected(VerificationError):
    """The token is bad and stays so: answer 401. `reason` names the rule that failed, such as "expired"."""

    rule = "token_rejected"

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(detail or reason)
        self.reason = reason


class KeysUnavailable(VerificationError):
    """Nothing can be said of the token, because the issuer's keys (or its answer) cannot be had now: answer 503."""

    rule = "keys_unavailable"

    def __init__(self, detail: str = "", *, retry_after_seconds: float = 1.0) -> None:
        super().__init__(detail)
        self.retry_after_seconds = retry_after_seconds


class MetadataInvalid(KeysUnavailable):
    """The issuer answers, but with metadata not its own or not usable: mostly a wrong configuration."""

    rule = "metadata_invalid"


class BadAnswer(KeysUnavailable):
    """A document was answered that cannot be used: a redirect, a refusal, too large, or not a JSON object."""

    rule = "bad_answer"


class Unreachable(KeysUnavailable):
    """The issuer cannot be reached, or breaks off."""

    rule = "unreachable"
