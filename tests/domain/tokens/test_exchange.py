import pytest

from authsvc.domain.tokens.exchange import (
    DELEGATION,
    IMPERSONATION,
    ExchangePolicy,
    ExchangePolicyInvalid,
    Whose,
    check_exchange_policies,
)

POLICY = ExchangePolicy("https://b.example", frozenset({"app"}))


@pytest.mark.parametrize(
    ("policy", "whose", "covered"),
    [
        pytest.param(POLICY, Whose(client_id="app"), True, id="client"),
        pytest.param(POLICY, Whose(client_id="other"), False, id="another client"),
        pytest.param(POLICY, Whose(issuer="app"), False, id="issuer of a client's name"),
        pytest.param(POLICY, Whose(is_api_key=True), False, id="API key"),
        pytest.param(POLICY, Whose(client_id="app", is_api_key=True), False, id="API key of the client"),
        pytest.param(
            POLICY, Whose(client_id="app", issuer="https://i.example"), False, id="foreign client of the name"
        ),
        pytest.param(
            ExchangePolicy("x", issuers=frozenset({"app"})), Whose(client_id="app"), False, id="by issuer only"
        ),
        pytest.param(ExchangePolicy("x", issuers=frozenset({"i"})), Whose(issuer="i"), True, id="issuer"),
        pytest.param(ExchangePolicy("x", issuers=frozenset({"i"})), Whose(issuer="i/"), False, id="another issuer"),
        pytest.param(ExchangePolicy("x", api_keys=True), Whose(is_api_key=True), True, id="any API key"),
        pytest.param(ExchangePolicy("x", api_keys=True), Whose(client_id="app"), False, id="API keys only"),
        pytest.param(ExchangePolicy("x"), Whose(), False, id="nobody's"),
    ],
)
def test_a_policy_says_whose_tokens(policy, whose, covered):
    assert policy.covers(whose, IMPERSONATION) is covered


def test_a_policy_says_in_which_mode():
    only = ExchangePolicy("x", frozenset({"app"}), modes=frozenset({DELEGATION}))
    assert only.covers(Whose(client_id="app"), DELEGATION)
    assert not only.covers(Whose(client_id="app"), IMPERSONATION)


def test_scopes_become_what_the_policy_says_and_a_star_counts_for_every_token():
    policy = ExchangePolicy(
        "x", scopes=(("a", frozenset({"p", "q"})), ("b", frozenset({"q", "r"})), ("c", frozenset()))
    )
    assert policy.given_for(frozenset({"a"})) == {"p", "q"}
    assert policy.given_for(frozenset({"a", "b", "c", "z"})) == {"p", "q", "r"}
    assert policy.given_for(frozenset({"c", "p"})) == policy.given_for(frozenset()) == frozenset()
    assert ExchangePolicy("x", scopes=(("*", frozenset({"p"})),)).given_for(frozenset()) == {"p"}


@pytest.mark.parametrize(
    "policy",
    [
        pytest.param(ExchangePolicy("", frozenset({"app"})), id="no target"),
        pytest.param(ExchangePolicy("x"), id="nobody's tokens"),
        pytest.param(ExchangePolicy("x", frozenset({"app"}), modes=frozenset()), id="no mode"),
        pytest.param(ExchangePolicy("x", frozenset({"app"}), modes=frozenset({"theft"})), id="unknown mode"),
        *(
            pytest.param(ExchangePolicy("x", frozenset({"app"}), scopes=(("a", frozenset({"b", taken})),)), id=taken)
            for taken in ("account", "openid", "profile", "email", "offline_access")
        ),
    ],
)
def test_no_client_may_hold_such_a_policy(policy):
    with pytest.raises(ExchangePolicyInvalid):
        check_exchange_policies((POLICY, policy))
