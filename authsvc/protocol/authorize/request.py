"""An authorization request, as it came and as the checks narrow it (RFC 6749 §4.1.1, OpenID Connect §3.1.2.1)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import Any

from authsvc.domain.parties.clients import Client
from authsvc.domain.ports import UnitOfWork
from authsvc.domain.tenants import Tenant
from authsvc.protocol.grant import Issuing
from authsvc.protocol.way_back import QUERY, RESPONSE_MODES, WayBack

Parameters = Mapping[str, tuple[str, ...]]
"""Each name with its values, as they came."""
Claims = Mapping[str, Mapping[str, Any]]
"""The claims that are asked for one by one: by `id_token` and `userinfo`, each name with what is wished of it."""
NO_CLAIMS: Claims = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Judging:
    """What the checks may look at: the stores, opened keys, and the time.

    `asked_at` is when the request came, if that was earlier: a person takes longer than what was signed for it lasts.
    """

    uow: UnitOfWork
    issuing: Issuing
    now: datetime
    asked_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class AuthorizationRequest:
    """A request of a known client. Each check narrows it; what no check has passed has its emptiest value.

    `given` is what came, `parameters` what counts of it: those that came once, and what a request object says.
    `redirect_uri` is None until it is proved the client's. `scopes` and `audiences` are the most that will be given.
    `subjects` are whom it must be, as the client knows them: one of each set.
    """

    tenant: Tenant
    client: Client
    given: Parameters = field(repr=False)
    parameters: Mapping[str, str] = field(repr=False)
    resources: tuple[str, ...] = ()
    redirect_uri: str | None = None
    scopes: frozenset[str] = frozenset()
    audiences: frozenset[str] = frozenset()
    prompts: frozenset[str] = frozenset()
    max_age_seconds: int | None = None
    subjects: tuple[frozenset[str], ...] = ()
    claims: Claims = field(default_factory=lambda: NO_CLAIMS)

    @property
    def way_back(self) -> WayBack | None:
        """How the client is answered; None while nobody has proved where the browser may be sent."""
        if self.redirect_uri is None:
            return None
        mode = self.parameters.get("response_mode", QUERY)
        return WayBack(
            self.redirect_uri, mode if mode in RESPONSE_MODES else QUERY, self.parameters.get("state"),
            self.tenant.issuer,
        )  # fmt: skip

    @property
    def has_openid(self) -> bool:
        """Whether it is one of OpenID Connect (Core §3.1.2.1)."""
        return "openid" in self.parameters.get("scope", "").split(" ")
