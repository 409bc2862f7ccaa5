"""Any policies, any request: what is given is what a short model of the rules gives, and never more."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import combinations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from authsvc.domain.tokens.exchange import ExchangePolicy
from authsvc.protocol.subject_token import ACCESS_TOKEN
from tests.flows.exchanges import BILLING, ORDERS, STOCK, UNRELATED, Shop, claims_of, standing_shop

HAD = ("es256:read", "es256:write")
OWNED: Mapping[str, frozenset[str]] = {
    BILLING: frozenset({"eddsa:read", "eddsa:write"}),
    STOCK: frozenset({"ps256:read", "ps256:write"}),
    UNRELATED: frozenset({"rs256:read", "rs256:write"}),
    ORDERS: frozenset(HAD),
}
SCOPES = sorted(frozenset().union(*OWNED.values()))


@dataclass(frozen=True)
class Asked:
    had: frozenset[str]
    scope: frozenset[str] | None
    target: str | None
    acting: bool
    is_for_requester: bool


sets_of_scopes = st.frozensets(st.sampled_from(SCOPES), max_size=4)
policies = st.builds(
    ExchangePolicy,
    audience=st.sampled_from(sorted(OWNED)),
    clients=st.frozensets(st.sampled_from(["app", "web", "orders"]), min_size=1),
    scopes=st.lists(st.tuples(st.sampled_from([*HAD, "*", "eddsa:read"]), sets_of_scopes), max_size=3).map(tuple),
    any_audience=st.booleans(),
    modes=st.frozensets(st.sampled_from(["impersonation", "delegation"]), min_size=1),
)
requests = st.builds(
    Asked,
    had=st.frozensets(st.sampled_from(HAD), min_size=1),
    scope=st.none() | st.frozensets(st.sampled_from([*SCOPES, "account", "openid"]), min_size=1, max_size=2),
    target=st.none() | st.sampled_from(sorted(OWNED)),
    acting=st.booleans(),
    is_for_requester=st.booleans(),
)


def expected(doors: list[ExchangePolicy], asked: Asked) -> tuple[str, frozenset[str]] | str:
    """The target and the scopes that are due, or the error."""
    mode = "delegation" if asked.acting else "impersonation"
    open_ = [
        door for door in doors
        if "app" in door.clients and mode in door.modes and (asked.is_for_requester or door.any_audience)
    ]  # fmt: skip
    if not open_:
        return "invalid_request"
    targets = {door.audience for door in open_} & ({asked.target} if asked.target else set(OWNED))
    if len(targets) != 1:
        return "invalid_target"
    (target,) = targets
    due: set[str] = set()
    says_nothing = False
    for door in open_:
        if door.audience == target:
            says_nothing |= not door.scopes
            for had, given_for in door.scopes:
                if had == "*" or had in asked.had:
                    due |= given_for & OWNED[target]
    if not due and not says_nothing:
        return "invalid_scope"
    if asked.scope is not None and not asked.scope <= due:
        return "invalid_scope"
    return target, frozenset(due) if asked.scope is None else asked.scope


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    with standing_shop(tmp_path_factory.mktemp("shop")) as standing:
        yield standing


@pytest.fixture(scope="module")
def tokens(shop: Shop) -> Mapping[frozenset[str], str]:
    return {
        frozenset(had): shop.token(" ".join(had)) for size in (1, 2) for had in combinations(HAD, size)
    }  # fmt: skip


@pytest.fixture(scope="module")
def actor(shop: Shop) -> str:
    return shop.own("orders")


@settings(max_examples=150, deadline=None)
@given(doors=st.lists(policies, max_size=4), asked=requests)
def test_no_policies_and_no_request_give_more_than_the_model(shop, tokens, actor, doors, asked):
    serves = frozenset({ORDERS} if asked.is_for_requester else {STOCK})
    shop.change_client("orders", exchanges=tuple(doors), serves=serves)
    answer = shop.exchange(
        tokens[asked.had],
        scope=None if asked.scope is None else " ".join(sorted(asked.scope)),
        audience=asked.target,
        actor_token=actor if asked.acting else None,
        actor_token_type=ACCESS_TOKEN if asked.acting else None,
    )
    due = expected(doors, asked)
    if isinstance(due, str):
        assert (answer.status_code, answer.json()["error"]) == (400, due)
        return
    found = claims_of(answer)
    assert (found["aud"], frozenset(found.get("scope", "").split())) == due
    assert found["act"] == {"sub": "orders"} if asked.acting else "act" not in found
