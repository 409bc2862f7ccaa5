"""The judge of trusted issuers' JWTs, shown every forgery that there is."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from authsvc.app import _fetch_limits, _lifetimes, _lockout, key_policy, read_master_keys
from authsvc.crypto.algorithms import STRANGER_ALGORITHMS
from authsvc.domain.keyring import Keyring
from authsvc.domain.parties.trusted_issuers import USERS, TrustedIssuer
from authsvc.domain.people.users import User
from authsvc.domain.tokens.content import Target
from authsvc.observe.metrics import create_metrics
from authsvc.outbound.fetcher import GuardedFetcher
from authsvc.protocol.errors import InvalidGrant
from authsvc.protocol.grant import Decision, GrantRequest, Issuing
from authsvc.protocol.trusted_token import TrustedToken, Wanted, judge_trusted_token, store_session
from authsvc.storage.sql.unit_of_work import SqlUnitOfWork
from tests.crypto import forgeries
from tests.crypto.issuer import AUDIENCE, ISSUER, KEYS, NOW, TYP, good
from tests.flows.assertions import jwks
from tests.flows.world import World, a_client

AT = datetime.fromtimestamp(NOW, UTC)
WANTED = Wanted(USERS, frozenset({TYP}), required=frozenset({"iss", "sub", "aud", "exp", "iat", "jti"}))


class NoPermit:
    def release(self) -> None:
        """Nothing is hashed here."""


@pytest.fixture
def court(small_world: World) -> Iterator[tuple[GrantRequest, SqlUnitOfWork, Issuing]]:
    """A tenant that trusts the issuer of the corpus, and knows the user whom it names."""
    settings, before = small_world.settings, AT - timedelta(days=1)
    issuer = TrustedIssuer(
        issuer=ISSUER, name="corpus", jwks=jwks(*KEYS.values()), jwks_uri=None,
        algorithms=frozenset(STRANGER_ALGORITHMS), purposes=frozenset({USERS}), audiences=frozenset({AUDIENCE}),
        subject_claim="sub", subject_kind="username", subjects=frozenset(), max_token_seconds=10**12,
        created_at=before,
    )  # fmt: skip
    with small_world.change() as changing:
        changing.issuers.add(issuer)
        changing.users.add(User(uuid4(), "user-1", None, False, None, None, before))
    master_keys = read_master_keys(settings)
    issuing = Issuing(
        Keyring(master_keys, key_policy(settings)), _lifetimes(settings), _lockout(settings),
        create_metrics("0", ()), master_keys, GuardedFetcher(_fetch_limits(settings)),
    )  # fmt: skip
    request = GrantRequest(
        small_world.tenant, a_client("app", before), {}, None, (), "127.0.0.1", "1", AT, NoPermit()
    )  # fmt: skip
    uow = small_world.storage.unit_of_work(small_world.tenant.id)
    try:
        yield request, uow, issuing
    finally:
        uow.close()


def judge(court: tuple[GrantRequest, SqlUnitOfWork, Issuing], presented: str) -> TrustedToken:
    request, uow, issuing = court
    return judge_trusted_token(presented, WANTED, request, uow, issuing)


@pytest.mark.parametrize("algorithm", KEYS)
def test_a_good_token_of_each_algorithm_names_its_user(court, algorithm):
    token = judge(court, good(algorithm))
    assert (token.user.username, token.issuer.issuer) == ("user-1", ISSUER)


def test_its_id_is_kept_until_the_last_clock_that_is_forgiven_has_passed(court):
    word = judge(court, good()).word()
    assert (word.issuer, word.id) == (ISSUER, "t-1")
    assert judge(court, good(exp=NOW - 59)).word().expires_at == AT + timedelta(seconds=1)


# Without a kid, the issuer's own true signature is the only thing in this corpus that a stranger may present.
def test_no_forgery_names_anybody(court):
    presented, accepted = set(), []
    for family in forgeries.FAMILIES:
        for what, forged in family():
            presented.add(forged)
            try:
                judge(court, forged)
            except InvalidGrant:
                continue
            accepted.append(what)
    assert accepted == ["ours, kid Ellipsis"]
    assert len(presented) > 4_000


@pytest.mark.parametrize("end", ["disable", "delete"])
def test_a_user_who_goes_between_the_judgement_and_its_writing_gets_no_session(court, small_world: World, end):
    request, uow, _ = court
    token = judge(court, good())
    decision = Decision(str(token.user.id), frozenset(), frozenset(), token.sign_in(AT), trusted_word=token.word())
    with small_world.change() as changing:
        assert changing.users.disable(token.user.id, AT) if end == "disable" else changing.users.delete(token.user.id)
    with pytest.raises(InvalidGrant):
        store_session(decision, Target((AUDIENCE,), frozenset(), 60, "ES256"), request, uow)
    uow.rollback()
    assert small_world.rows()["sessions"] == 0
