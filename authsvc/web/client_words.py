"""What people are shown of a client: its name and links, in their language where it has them."""

from authsvc.domain.parties.clients import Client
from authsvc.domain.tenants import LOOPBACK_HOSTS
from authsvc.domain.web_address import UrlInvalid, read_url


def name_of(client: Client | None, language: str) -> str:
    """Return the client's name; "" where nobody asks."""
    return "" if client is None else _text(client, "client_name", language) or client.name


def links_of(client: Client, language: str) -> dict[str, str]:
    """Return its policy_uri and tos_uri, as far as it has them on the web."""
    found = {name: _text(client, name, language) for name in ("policy_uri", "tos_uri")}
    return {name: uri for name, uri in found.items() if uri.startswith(("https://", "http://"))}


def place_of(redirect_uri: str) -> tuple[str, str]:
    """Return what kind of place a redirect URI leads to, and its name: a site by its host, an app by its scheme."""
    if not redirect_uri.startswith(("https:", "http:")):
        return "app", redirect_uri.partition(":")[0]
    try:
        host = read_url(redirect_uri).host
    except UrlInvalid:
        return "site", ""
    return ("device", "") if host in LOOPBACK_HOSTS else ("site", host)


def _text(client: Client, name: str, language: str) -> str:
    texts = client.relying_party.texts
    exact = texts.get(f"{name}#{language}")
    near = (value for key, value in texts.items() if key.lower().startswith(f"{name}#{language}-"))
    return exact or next(near, "") or texts.get(name, "")
