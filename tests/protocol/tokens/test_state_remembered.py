"""What is remembered of a token is its signature, and nothing else."""

import pytest

from authsvc.domain import keyring
from authsvc.protocol.errors import InvalidToken
from tests.crypto.issuer import ISSUER, KEYS, good
from tests.protocol.tokens.conftest import AT, LONG_AGO, Court


def test_a_remembered_token_dies_with_its_key(court: Court) -> None:
    token = good("ES256")
    assert court.judge(token).claims is court.judge(token).claims, "remembered"
    court.change(lambda uow: uow.keys.revoke(KEYS["ES256"].kid, AT))
    with pytest.raises(InvalidToken):
        court.judge(token)


def test_a_remembered_token_expires(court: Court) -> None:
    token = good("ES256")
    assert court.judge(token).subject == "user-1"
    with pytest.raises(InvalidToken):
        court.judge(token, AT.replace(year=AT.year + 1))
    with pytest.raises(InvalidToken):
        court.judge(token, LONG_AGO)


def test_a_remembered_token_is_nothing_to_another_tenant(court: Court) -> None:
    token = good("ES256")
    assert court.judge(token).claims["iss"] == ISSUER
    uow = court.world.storage.unit_of_work(court.world.tenant.id)
    try:
        with pytest.raises(InvalidToken):
            Court(court.world, court.world.tenant, uow, court.keyring).judge(token)
    finally:
        uow.close()


def test_no_other_spelling_is_remembered_beside_it(court: Court) -> None:
    token = good("ES256")
    court.judge(token)
    for other in (f"{token} ", token[:-1], f"{token}.", token.swapcase(), token.rpartition(".")[0] + "."):
        with pytest.raises(InvalidToken):
            court.judge(other)


def test_a_bounded_number_is_remembered_and_no_forged_one(court: Court, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keyring, "MAX_VERIFIED", 4)
    for number in range(9):
        court.judge(good("ES256", jti=f"t-{number}"))
        with pytest.raises(InvalidToken):
            court.judge(good("ES256")[:-4] + "AAAA")
        assert 1 <= len(court.keyring._verified) <= 4
