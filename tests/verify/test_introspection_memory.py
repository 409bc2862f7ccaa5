"""What an IntrospectionVerifier remembers of an answer, for how long, and how many questions it asks for it."""

import pytest

from authsvc.verify import IntrospectionVerifier, TokenRejected
from tests.verify.conftest import MakeAsking
from tests.verify.issuer_server import (
    Answer,
    Hands,
    IssuerServer,
)


def test_an_answer_is_used_again_for_the_time_of_the_cache_and_no_longer(
    asking: IntrospectionVerifier, server: IssuerServer, hands: Hands
):
    token = server.opaque()
    first = asking.verify(token)
    del server.known[token]
    hands.move(4.9)
    assert asking.verify(token) is first
    hands.move(0.1)

    with pytest.raises(TokenRejected) as caught:
        asking.verify(token)
    assert caught.value.reason == "inactive"


def test_without_a_cache_a_revoked_token_is_refused_at_once(make_asking: MakeAsking, server: IssuerServer):
    verifier = make_asking(cache_seconds=0)
    token = server.opaque()
    verifier.verify(token)
    del server.known[token]

    with pytest.raises(TokenRejected):
        verifier.verify(token)


def test_a_token_that_expires_is_never_served_from_memory(make_asking: MakeAsking, server: IssuerServer, hands: Hands):
    verifier = make_asking(cache_seconds=60, leeway_seconds=0)
    token = server.opaque(exp=int(hands.wall) + 30)
    verifier.verify(token)
    hands.move(30)

    with pytest.raises(TokenRejected) as caught:
        verifier.verify(token)
    assert caught.value.reason == "expired"


@pytest.mark.parametrize("clock", ["wall", "monotonic"])
@pytest.mark.parametrize("cache_seconds", [5, 60])
def test_a_token_without_an_end_is_not_remembered_for_longer_than_others(
    cache_seconds: int, clock: str, make_asking: MakeAsking, server: IssuerServer, hands: Hands
):
    verifier = make_asking(cache_seconds=cache_seconds)
    token = server.opaque(exp=None)
    first = verifier.verify(token)
    del server.known[token]
    setattr(hands, clock, getattr(hands, clock) + cache_seconds - 0.1)
    assert verifier.verify(token) is first
    setattr(hands, clock, getattr(hands, clock) + 0.1)

    with pytest.raises(TokenRejected) as caught:
        verifier.verify(token)
    assert caught.value.reason == "inactive"


def test_without_a_cache_a_token_without_an_end_is_asked_about_each_time(make_asking: MakeAsking, server: IssuerServer):
    verifier = make_asking(cache_seconds=0)
    token = server.opaque(exp=None)
    verifier.verify(token), verifier.verify(token)

    assert server.fetches["/introspect"] == 2


@pytest.mark.parametrize("clock", ["wall", "monotonic"])
def test_the_memory_ends_by_whichever_clock_went_on(
    clock: str, asking: IntrospectionVerifier, server: IssuerServer, hands: Hands
):
    token = server.opaque()
    asking.verify(token)
    setattr(hands, clock, getattr(hands, clock) + 5)
    asking.verify(token)

    assert server.fetches["/introspect"] == 2


def test_a_clock_set_back_does_not_lengthen_the_memory(
    asking: IntrospectionVerifier, server: IssuerServer, hands: Hands
):
    token = server.opaque()
    first = asking.verify(token)
    hands.wall -= 30
    hands.monotonic += 5

    assert asking.verify(token) is not first


def test_a_refusal_is_remembered_for_a_second(asking: IntrospectionVerifier, server: IssuerServer, hands: Hands):
    for _ in range(3):
        with pytest.raises(TokenRejected):
            asking.verify("not-yet-replicated")
    assert server.fetches["/introspect"] == 1

    server.opaque("not-yet-replicated")
    hands.move(1)
    assert asking.verify("not-yet-replicated").subject == "user-1"


def test_made_up_tokens_do_not_push_good_ones_out_of_memory(make_asking: MakeAsking, server: IssuerServer):
    verifier = make_asking(max_seen_tokens=3)
    token = server.opaque()
    first = verifier.verify(token)
    for number in range(5):
        with pytest.raises(TokenRejected):
            verifier.verify(f"made-up-{number}")

    assert verifier.verify(token) is first
    assert len(verifier._questions._refused) == 3


def test_memory_is_bounded_and_the_oldest_goes_first(make_asking: MakeAsking, server: IssuerServer):
    verifier = make_asking(max_seen_tokens=3)
    tokens = [server.opaque(f"opaque-{number}") for number in range(5)]
    first = [verifier.verify(token) for token in tokens]

    assert [verifier.verify(token) is seen for token, seen in zip(tokens[2:], first[2:], strict=True)] == [True] * 3
    assert verifier.verify(tokens[0]) is not first[0]


def test_memory_holds_no_token(asking: IntrospectionVerifier, server: IssuerServer):
    accepted = asking.verify(server.opaque("very-secret-token"))

    assert asking._questions._good._by_hash
    assert "very-secret-token" not in repr(asking._questions._good._by_hash)
    assert "very-secret-token" not in repr(accepted) + repr(accepted.claims)


def test_an_answer_from_before_the_cache_time_is_not_remembered(
    asking: IntrospectionVerifier, server: IssuerServer, hands: Hands
):
    def answer_late() -> Answer:
        hands.move(5)
        return server.introspect()

    token = server.opaque()
    server.answers["/introspect"] = answer_late
    asking.verify(token)
    asking.verify(token)

    assert server.fetches["/introspect"] == 2
