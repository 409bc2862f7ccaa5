"""What a client is as a relying party: where browsers are sent back to, and what it is told of people."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

WEB, NATIVE = "web", "native"
APPLICATION_TYPES = (WEB, NATIVE)
PUBLIC, PAIRWISE = "public", "pairwise"
SUBJECT_TYPES = (PUBLIC, PAIRWISE)
_NOTHING: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class RelyingParty:
    """A client's registration for browser flows; empty for one that never sends a browser here.

    Every URI is compared as a whole string, but for the port of a loopback `redirect_uris` (RFC 8252 §7.3).
    `sector` is the host that pairwise subjects are computed for. `skips_consent` is an administrator's word alone.
    `texts` are what people are shown of it: client_uri, logo_uri, policy_uri, tos_uri, also with #language.
    `registration_token_hash` is of the token of RFC 7592 that may read and change the registration.
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


NO_RELYING_PARTY = RelyingParty()
