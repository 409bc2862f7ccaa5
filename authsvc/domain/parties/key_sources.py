"""Where the public keys of a client or trusted issuer come from: a JWK Set as text, or the URL of one; never both."""

from authsvc.crypto import strict_json
from authsvc.crypto.algorithms import STRANGER_ALGORITHMS
from authsvc.crypto.errors import UnsupportedKey
from authsvc.crypto.jwk import load_key_set
from authsvc.crypto.jwk_members import PRIVATE_MEMBERS
from authsvc.domain.web_address import UrlInvalid, check_way, read_url
from authsvc.errors import DomainError

MAX_JWKS_CHARACTERS = 65_536


class KeySourceInvalid(DomainError):
    """No keys can be had from there; the detail says what to mend."""

    rule = "key_source_invalid"


def check_key_source(jwks: str | None, jwks_uri: str | None, allowed_hosts: frozenset[str] = frozenset()) -> None:
    """Check the keys of a client or issuer at its registration; nothing is fetched.

    Only hosts of `allowed_hosts` (outbound.allowed_hosts, in lower case) may be named with http, without a dot or with
    a port below 1024. Raises: KeySourceInvalid if not exactly one is given; the URL is none that will be read; the
    text is no JWK Set, holds a private or symmetric key, or no key that can verify anything.
    """
    if (jwks is None) == (jwks_uri is None):
        raise KeySourceInvalid("keys: give either jwks or jwks_uri")
    if jwks_uri is not None:
        _check_url(jwks_uri, allowed_hosts)
    if jwks is not None:
        _check_text(jwks)


def _check_url(jwks_uri: str, allowed_hosts: frozenset[str]) -> None:
    try:
        check_way(read_url(jwks_uri), allowed_hosts)
    except UrlInvalid as error:
        raise KeySourceInvalid(f"jwks_uri: {error}") from None


def _check_text(jwks: str) -> None:
    if len(jwks) > MAX_JWKS_CHARACTERS:
        raise KeySourceInvalid(f"jwks: at most {MAX_JWKS_CHARACTERS} characters")
    try:
        document = strict_json.parse_object(jwks.encode())
        keys = load_key_set(document, STRANGER_ALGORITHMS)
    except (UnsupportedKey, ValueError) as error:
        raise KeySourceInvalid(f"jwks: not a JWK Set ({error})") from None
    if any(_is_secret(member) for member in document["keys"]):
        # Whoever sends it has told a secret to someone who must not have it: it has to be replaced, not stored.
        raise KeySourceInvalid("jwks: holds a private or symmetric key; give public keys, and replace that one")
    if not keys:
        raise KeySourceInvalid("jwks: holds no key that can verify signatures here")


def _is_secret(member: object) -> bool:
    return isinstance(member, dict) and (member.get("kty") == "oct" or any(name in member for name in PRIVATE_MEMBERS))
