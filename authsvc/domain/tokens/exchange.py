"""Exchange policies: what a client may turn other people's tokens into. Without a policy, nothing (RFC 8693 §5)."""

from collections.abc import Iterable
from dataclasses import dataclass

from authsvc.domain.parties.resources import ACCOUNT_SCOPE, IDENTITY_SCOPES
from authsvc.errors import DomainError

IMPERSONATION, DELEGATION = "impersonation", "delegation"
MODES = frozenset({IMPERSONATION, DELEGATION})
ANY_SCOPE = "*"
"""In a policy's `scopes`: what every subject token becomes, also one without scopes (ID tokens, foreign JWTs)."""


class ExchangePolicyInvalid(DomainError):
    """The policy opens what no policy may open; the detail says what to mend."""

    rule = "exchange_policy_invalid"


@dataclass(frozen=True, slots=True)
class Whose:
    """Whose token is presented: of a client here, of a trusted issuer, or an API key. Exactly one of them."""

    client_id: str | None = None
    issuer: str | None = None
    is_api_key: bool = False


@dataclass(frozen=True, slots=True)
class ExchangePolicy:
    """One door: whose tokens the client that holds this policy may exchange, for which audience and scopes.

    `clients` are the ids of those whose tokens may be presented, `issuers` the trusted issuers whose JWTs may,
    `api_keys` whether API keys may. `scopes` maps each scope of the subject token to those it becomes.
    `any_audience` lifts the rule that the client must itself be an audience of the subject token.
    """

    audience: str
    clients: frozenset[str] = frozenset()
    issuers: frozenset[str] = frozenset()
    api_keys: bool = False
    scopes: tuple[tuple[str, frozenset[str]], ...] = ()
    any_audience: bool = False
    modes: frozenset[str] = MODES

    def covers(self, whose: Whose, mode: str) -> bool:
        """Whether a token of theirs may be exchanged in this mode."""
        if whose.is_api_key:
            theirs = self.api_keys
        elif whose.issuer is not None:
            theirs = whose.issuer in self.issuers
        else:
            theirs = whose.client_id in self.clients
        return theirs and mode in self.modes

    def given_for(self, subject_scopes: frozenset[str]) -> frozenset[str]:
        """Return the most that these scopes of a subject token become."""
        had_all = subject_scopes | {ANY_SCOPE}
        return frozenset[str]().union(*(given for had, given in self.scopes if had in had_all))


def check_exchange_policies(policies: Iterable[ExchangePolicy]) -> tuple[ExchangePolicy, ...]:
    """Return the policies if a client may hold them. Raises: ExchangePolicyInvalid."""
    checked = tuple(policies)
    for policy in checked:
        if not policy.audience:
            raise ExchangePolicyInvalid("exchange: each policy names the audience of its target")
        if not (policy.clients or policy.issuers or policy.api_keys):
            raise ExchangePolicyInvalid("exchange: each policy says whose tokens: clients, issuers or api_keys")
        if not policy.modes or not policy.modes <= MODES:
            raise ExchangePolicyInvalid(f"exchange: modes are {' and '.join(sorted(MODES))}")
        given = frozenset[str]().union(*(targets for _, targets in policy.scopes))
        if taken := given & (IDENTITY_SCOPES | {ACCOUNT_SCOPE}):
            raise ExchangePolicyInvalid(f"exchange: {', '.join(sorted(taken))} cannot be had by exchange")
    return checked
