"""What the functions of this package raise. The words in `rule` are for logs; callers see the edge's words."""

from typing import ClassVar


class CryptoError(Exception):
    """Base of every error of this package. Its text never holds key material, a token or a password."""

    rule: ClassVar[str] = "crypto"


class UnsupportedHash(CryptoError):
    """A password hash of an unknown scheme, malformed, or costlier than this server is willing to compute."""

    rule = "unsupported_hash"


class UnsupportedKey(CryptoError):
    """A key that this server must not use: wrong type or size, private or symmetric where public is due."""

    rule = "unsupported_key"


class OpaqueInvalid(CryptoError):
    """An opaque token that this server cannot have issued in this spelling."""

    rule = "opaque_invalid"


class DecryptionFailed(CryptoError):
    """A stored secret that is corrupt, was moved from another place, or whose master key is missing."""

    rule = "decryption_failed"


class TokenError(CryptoError):
    """Base of every refusal of a signed token."""

    rule = "token"


class Malformed(TokenError):
    """Not three segments of strict base64url around strict JSON objects."""

    rule = "malformed"


class TooLarge(TokenError):
    """Longer than MAX_TOKEN_BYTES: refused before anything is decoded."""

    rule = "too_large"


class ForbiddenHeader(TokenError):
    """The header names its own key, or an extension that this server does not implement."""

    rule = "forbidden_header"


class AlgorithmNotAllowed(TokenError):
    """`alg` is not among the expected ones, or is not the algorithm of the key that `kid` names."""

    rule = "algorithm_not_allowed"


class UnknownKey(TokenError):
    """`kid` is missing, or names no key of the issuer."""

    rule = "unknown_key"


class BadSignature(TokenError):
    """The signature is not the key's over these octets."""

    rule = "bad_signature"


class WrongType(TokenError):
    """`typ` says that the token was made for another purpose."""

    rule = "wrong_type"


class WrongIssuer(TokenError):
    """`iss` is not exactly the expected issuer."""

    rule = "wrong_issuer"


class WrongAudience(TokenError):
    """`aud` contains none of the expected audiences."""

    rule = "wrong_audience"


class Expired(TokenError):
    """`exp` has passed."""

    rule = "expired"


class NotYetValid(TokenError):
    """`nbf` or `iat` lies in the future."""

    rule = "not_yet_valid"


class MissingClaim(TokenError):
    """A required claim is absent or empty."""

    rule = "missing_claim"


class WrongClaimType(TokenError):
    """A registered claim has another JSON type than specified, or is an instant that no date can hold."""

    rule = "wrong_claim_type"
