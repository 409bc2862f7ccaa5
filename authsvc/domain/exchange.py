"""Exchange policies: what a client may turn other people's tokens into. Without a policy, nothing (RFC 8693 §5)."""

from collections.abc import Iterable
from dataclasses import dataclass

from authsvc.domain.resources import ACCOUNT_SCOPE, IDENTITY_SCOPES
from authsvc.errors import DomainError

IMPERSONATION, DELEGATION = "impersonation", "delegation"
MODES = frozenset({IMPERSONATION, DELEGATION})


class ExchangePolicyInvalid(DomainError):
    """The policy opens what no policy may open; the detail says what to mend."""

    rule = "exchange_policy_invalid"


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

    def given_for(self, subject_scopes: frozenset[str]) -> frozenset[str]:
        """Return the most that these scopes of a subject token become."""
        return frozenset[str]().union(*(given for had, given in self.scopes if had in subject_scopes))


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
