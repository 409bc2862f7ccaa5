"""Where an issuer's metadata lies, and which of it is believed."""

from collections.abc import Mapping
from ipaddress import ip_address
from urllib.parse import SplitResult, urlsplit

from authsvc.verify.errors import MetadataInvalid

_SPACE = 0x20


def check_issuer(issuer: str) -> None:
    """Refuse an issuer that cannot be fetched safely.

    Raises:
        ValueError: not https (or http on loopback), or with a query, a fragment or user information.

    Source: RFC 8414 §2.
    """
    parts = _split(issuer)
    if parts.query or "?" in issuer:
        raise ValueError(f"issuer {issuer!r} must not have a query")


def metadata_urls(issuer: str) -> tuple[str, str]:
    """Return the addresses to try in order: the well-known part before the path, then after it.

    Source: RFC 8414 §3.1; OpenID Connect Discovery 1.0 §4.
    """
    parts = urlsplit(issuer)
    path = parts.path.rstrip("/")
    origin = f"{parts.scheme}://{parts.netloc}"
    return (
        f"{origin}/.well-known/oauth-authorization-server{path}",
        f"{origin}{path}/.well-known/openid-configuration",
    )


def read_address(metadata: Mapping[str, object], issuer: str, name: str) -> str:
    """Return the address under this name (`jwks_uri`), once the metadata has proved to be the issuer's own.

    Raises:
        MetadataInvalid: `issuer` is not exactly ours (another issuer could lend its keys), or the address is
            missing or not https (http on loopback counts only for an issuer that is so itself).

    Source: RFC 8414 §3.3.
    """
    if metadata.get("issuer") != issuer:
        raise MetadataInvalid(f"metadata of {issuer} names the issuer {metadata.get('issuer')!a:.200}")
    address = metadata.get(name)
    if not isinstance(address, str):
        raise MetadataInvalid(f"metadata of {issuer} has no {name}")
    try:
        scheme = _split(address).scheme
    except ValueError as error:
        raise MetadataInvalid(f"metadata of {issuer}: {error!s:.300}") from error
    if scheme == "http" and issuer.startswith("https:"):
        raise MetadataInvalid(f"metadata of {issuer} names a {name} without TLS")
    return address


def _split(url: str) -> SplitResult:
    # urlsplit drops tabs and line feeds silently: the address judged must be the address fetched.
    if not url.isascii() or "\\" in url or any(ord(letter) <= _SPACE for letter in url):
        raise ValueError(f"address {url!a} has a character that addresses do not have")
    parts = urlsplit(url)
    host = parts.hostname or ""
    if parts.port == 0 or not host or "@" in parts.netloc or "#" in url:
        raise ValueError(f"address {url!r} must have a host, and neither user information nor a fragment")
    if parts.scheme != "https" and not (parts.scheme == "http" and _is_loopback(host)):
        raise ValueError(f"address {url!r} must be https (http only on loopback)")
    return parts


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
