"""What a trusted issuer, a partner's user or a service tries, to get a token that is not theirs."""

import json
from dataclasses import replace
from uuid import uuid4

import pytest

from authsvc.domain.people.users import check_email
from authsvc.protocol.subject_token import JWT
from tests.flows.assertions import a_key, signed
from tests.flows.exchanges import ARCHIVE, BILLING, ORDERS, PARTNERS

SCOPE = "es256:read"


def refused(answer, error):
    assert (answer.status_code, answer.json().get("error")) == (400, error), answer.text


@pytest.mark.parametrize(
    "subject",
    [
        pytest.param("alice\uff20example.com", id="a wide @"),
        pytest.param("alice\ufe6bexample.com", id="a small @"),
        pytest.param(" alice", id="a space before"),
        pytest.param("alice\u3000", id="a wide space after"),
        pytest.param("\uff41lice", id="a wide letter"),
        pytest.param("al\u2170ce", id="a Roman numeral"),
    ],
)
def test_a_name_that_only_looks_like_the_users_is_nobodys(shop, subject):
    refused(shop.bear(shop.partner(sub=subject), scope=SCOPE), "invalid_grant")
    shop.policies(PARTNERS)
    refused(shop.exchange(shop.partner(sub=subject, aud=ORDERS), subject_token_type=JWT), "invalid_request")


@pytest.mark.parametrize("email", ["alice@fa\u00df.example", "\u017fue@fass.example", "alice@\uff46ass.example"])
def test_an_address_of_another_domain_or_mailbox_is_not_the_users(shop, email):
    world = shop.world
    with world.change() as uow:
        uow.users.add(replace(world.user(), id=uuid4(), username="sue", email=check_email("sue@fass.example")))
        uow.users.save_profile(replace(world.user(), email="alice@fass.example"))
    shop.change_partner(subject_kind="email", subject_claim="email")
    refused(shop.bear(shop.partner(email=email, email_verified=True), scope=SCOPE), "invalid_grant")
    good = shop.partner(email="Alice@FASS.example", email_verified=True)
    assert shop.bear(good, scope=SCOPE).status_code == 200


def test_a_rule_for_names_is_not_outrun_by_a_mark_that_joins_its_last_letter(shop):
    world = shop.world
    with world.change() as uow:
        uow.users.add(replace(world.user(), id=uuid4(), username="al\u00ef", email=None, email_verified=False))
    shop.change_partner(subjects=frozenset({"ali*"}))
    refused(shop.bear(shop.partner(sub="ali\u0308"), scope=SCOPE), "invalid_grant")
    assert shop.bear(shop.partner(), scope=SCOPE).status_code == 200


@pytest.mark.parametrize(
    "act",
    [
        pytest.param({"sub": "billing", "iss": "http://localhost:8000"}, id="the latest actor"),
        pytest.param({"sub": "orders", "act": {"sub": "billing", "iss": "http://localhost:8000"}}, id="an earlier one"),
    ],
)
def test_a_foreign_issuer_cannot_say_that_one_of_us_acted(shop, act):
    shop.policies(PARTNERS)
    refused(shop.exchange(shop.partner(act=act, aud=ORDERS), subject_token_type=JWT), "invalid_request")


@pytest.mark.parametrize("audience", [BILLING, ARCHIVE])
def test_a_deep_act_of_a_foreign_issuer_is_no_fault_of_ours(shop, audience):
    shop.policies(PARTNERS, replace(PARTNERS, audience=ARCHIVE, scopes=(("*", frozenset({"archive:read"})),)))
    for depth in (1, 200, *range(880, 1000, 4)):
        claims = json.dumps(shop.partner_claims(aud=ORDERS, act={"sub": "x", "y": 0}))
        deep = claims.replace('"y": 0', f'"y": {"[" * depth}{"]" * depth}').encode()
        token = signed(deep, a_key("ES256", "partner"))
        answer = shop.exchange(token, subject_token_type=JWT, audience=audience)
        refused(answer, "invalid_request")
