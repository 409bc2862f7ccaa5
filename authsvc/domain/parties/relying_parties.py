"""What a client is as a relying party: where browsers are sent back to, and what it is told of people."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from authsvc.crypto.algorithms import SIGNING_ALGORITHMS, STRANGER_ALGORITHMS
from authsvc.domain.parties.browser_uris import check_browser_uri, check_web_uri
from authsvc.domain.web_address import UrlInvalid, check_way, read_url
from authsvc.errors import DomainError

WEB, NATIVE = "web", "native"
APPLICATION_TYPES = (WEB, NATIVE)
PUBLIC, PAIRWISE = "public", "pairwise"
SUBJECT_TYPES = (PUBLIC, PAIRWISE)
OPENLY = "open"
"""Registered by a stranger, without an initial access token."""
MAX_URIS = 50
MAX_TEXTS = 100
MAX_TEXT_CHARACTERS = 255
_MAX_AGE_SECONDS = 10 * 365 * 86_400
_LINKS = ("client_uri", "logo_uri", "policy_uri", "tos_uri")
TEXTS = ("client_name", *_LINKS)
_TEXT_NAME = re.compile(rf"({'|'.join(TEXTS)})(?:#[A-Za-z0-9-]{{1,35}})?")
_HOST = re.compile(r"[a-z0-9_](?:[a-z0-9._-]{0,251}[a-z0-9_])?")
_NOTHING: Mapping[str, str] = MappingProxyType({})


class RelyingPartyInvalid(DomainError):
    """The registration asks for something that no relying party may have; the detail says what to mend."""

    rule = "relying_party_invalid"


class RedirectUriInvalid(RelyingPartyInvalid):
    """One of its redirect URIs cannot be one."""

    rule = "redirect_uri_invalid"


@dataclass(frozen=True, slots=True)
class RelyingParty:
    """A client's registration for browser flows; empty for one that never sends a browser here.

    Every URI is compared as a whole string, but for the port of a loopback `redirect_uris` (RFC 8252 §7.3).
    `sector` is the host that pairwise subjects are computed for. `skips_consent` is an administrator's word alone.
    `texts` are what people are shown of it: client_uri, logo_uri, policy_uri, tos_uri, also with #language.
    `registration_token_hash` is of the token of RFC 7592 that may read and change the registration; `registered_with`
    is the id of the initial access token that the client was registered with, or OPENLY.
    """

    redirect_uris: tuple[str, ...] = ()
    post_logout_redirect_uris: tuple[str, ...] = ()
    application_type: str = WEB
    subject_type: str = PUBLIC
    sector: str | None = None
    sector_identifier_uri: str | None = None
    default_max_age_seconds: int | None = None
    requires_auth_time: bool = False
    default_acr_values: tuple[str, ...] = ()
    initiate_login_uri: str | None = None
    userinfo_algorithm: str | None = None
    request_object_algorithm: str | None = None
    frontchannel_logout_uri: str | None = None
    frontchannel_logout_session_required: bool = False
    backchannel_logout_uri: str | None = None
    backchannel_logout_session_required: bool = False
    skips_consent: bool = False
    texts: Mapping[str, str] = field(default_factory=lambda: _NOTHING)
    contacts: tuple[str, ...] = ()
    software_id: str | None = None
    software_version: str | None = None
    registration_token_hash: str | None = field(default=None, repr=False)
    registered_with: str | None = None


NO_RELYING_PARTY = RelyingParty()


def check_relying_party(party: RelyingParty, allowed_hosts: frozenset[str] = frozenset()) -> None:
    """Check what a client registered for browser flows; `allowed_hosts` as in `check_key_source`.

    Raises: RedirectUriInvalid; RelyingPartyInvalid for everything else.
    Source: OpenID Connect Registration §2, RFC 7591 §2, RFC 8252 §7-8.
    """
    if party is NO_RELYING_PARTY:
        return
    if party.application_type not in APPLICATION_TYPES:
        raise RelyingPartyInvalid(f"application_type: one of {', '.join(APPLICATION_TYPES)}")
    is_native = party.application_type == NATIVE
    try:
        _check_uris("redirect_uris", party.redirect_uris, is_native=is_native)
    except RelyingPartyInvalid as error:
        raise RedirectUriInvalid(error.detail) from None
    _check_uris("post_logout_redirect_uris", party.post_logout_redirect_uris, is_native=is_native)
    _check_single_uris(party, allowed_hosts)
    _check_subjects(party, allowed_hosts)
    _check_algorithm("userinfo_algorithm", party.userinfo_algorithm, SIGNING_ALGORITHMS)
    _check_algorithm("request_object_algorithm", party.request_object_algorithm, STRANGER_ALGORITHMS)
    if party.default_max_age_seconds is not None and not 0 <= party.default_max_age_seconds <= _MAX_AGE_SECONDS:
        raise RelyingPartyInvalid(f"default_max_age: 0 to {_MAX_AGE_SECONDS} seconds")
    _check_texts(party)


def sector_of(party: RelyingParty) -> str | None:
    """Return the host that pairwise subjects are computed for; None if nothing says which of several it is.

    Source: OpenID Connect Core §8.1.
    """
    if party.sector is not None:
        return party.sector
    hosts = {_host(uri) for uri in party.redirect_uris}
    return hosts.pop() if len(hosts) == 1 else None


def _host(uri: str) -> str:
    """Return the host, or for a scheme of an app's own the scheme: it is what names the app."""
    return read_url(uri).host if uri.startswith(("https:", "http:")) else uri.partition(":")[0]


def _check_uris(name: str, uris: tuple[str, ...], *, is_native: bool) -> None:
    if len(uris) > MAX_URIS:
        raise RelyingPartyInvalid(f"{name}: at most {MAX_URIS}")
    if len(set(uris)) < len(uris):
        raise RelyingPartyInvalid(f"{name}: one of them is named twice")
    for uri in uris:
        try:
            check_browser_uri(uri, is_native=is_native)
        except UrlInvalid as error:
            raise RelyingPartyInvalid(f"{name}: {error}") from None


def _check_single_uris(party: RelyingParty, allowed_hosts: frozenset[str]) -> None:
    try:
        if party.initiate_login_uri is not None:
            check_web_uri(party.initiate_login_uri)
        if party.backchannel_logout_uri is not None:
            check_way(read_url(party.backchannel_logout_uri), allowed_hosts)
        framed = None if party.frontchannel_logout_uri is None else check_web_uri(party.frontchannel_logout_uri)
    except UrlInvalid as error:
        name = "initiate_login_uri, backchannel_logout_uri, frontchannel_logout_uri"
        raise RelyingPartyInvalid(f"{name}: {error}") from None
    if framed is not None and framed.origin not in {read_url(uri).origin for uri in _of_the_web(party.redirect_uris)}:
        raise RelyingPartyInvalid("frontchannel_logout_uri: with the scheme, host and port of a redirect URI")


def _of_the_web(uris: Iterable[str]) -> Iterable[str]:
    return (uri for uri in uris if uri.startswith(("https:", "http:")))


def _check_subjects(party: RelyingParty, allowed_hosts: frozenset[str]) -> None:
    if party.subject_type not in SUBJECT_TYPES:
        raise RelyingPartyInvalid(f"subject_type: one of {', '.join(SUBJECT_TYPES)}")
    if party.sector is not None and not _HOST.fullmatch(party.sector):
        raise RelyingPartyInvalid("sector: a host in lower case")
    if party.sector_identifier_uri is not None:
        try:
            address = read_url(party.sector_identifier_uri)
            check_way(address, allowed_hosts)
        except UrlInvalid as error:
            raise RelyingPartyInvalid(f"sector_identifier_uri: {error}") from None
        if address.host != party.sector:
            raise RelyingPartyInvalid("sector: the host of sector_identifier_uri")
    if party.subject_type == PAIRWISE and sector_of(party) is None:
        raise RelyingPartyInvalid("subject_type: pairwise needs a sector unless all redirect URIs have one host")


def _check_algorithm(name: str, algorithm: str | None, known: tuple[str, ...]) -> None:
    if algorithm is not None and algorithm not in known:
        raise RelyingPartyInvalid(f"{name}: one of {', '.join(known)}")


def _check_texts(party: RelyingParty) -> None:
    software = (text for text in (party.software_id, party.software_version) if text is not None)
    named = (*party.contacts, *party.default_acr_values, *software)
    if len(named) > MAX_TEXTS or not all(is_text(text) for text in named):
        raise RelyingPartyInvalid(
            f"contacts, default_acr_values, software_id, software_version: 1 to {MAX_TEXT_CHARACTERS} characters each"
        )
    if any(" " in value for value in party.default_acr_values):
        raise RelyingPartyInvalid("default_acr_values: no spaces in a value")
    if len(party.texts) > MAX_TEXTS:
        raise RelyingPartyInvalid(f"at most {MAX_TEXTS} names and links for people")
    for name, text in party.texts.items():
        found = _TEXT_NAME.fullmatch(name)
        if found is None:
            raise RelyingPartyInvalid(f"texts: {', '.join(TEXTS)}, also with #language")
        if found[1] in _LINKS:
            _check_link(found[1], text)
        elif not is_text(text):
            raise RelyingPartyInvalid(f"{found[1]}: 1 to {MAX_TEXT_CHARACTERS} characters")


def _check_link(name: str, uri: str) -> None:
    try:
        check_web_uri(uri)
    except UrlInvalid as error:
        raise RelyingPartyInvalid(f"{name}: {error}") from None


def is_text(text: str) -> bool:
    """Whether people can be shown it: one line, not empty, not too long."""
    return 0 < len(text) <= MAX_TEXT_CHARACTERS and text.isprintable()
