"""A JWT that the client signs with its private key (RFC 7523 §2.2, OpenID Connect Core §9)."""

from authsvc.crypto.algorithms import HMAC_ALGORITHMS, STRANGER_ALGORITHMS
from authsvc.domain.parties.clients import Client
from authsvc.protocol.client_assertion import find_public_keys, prove_own, read_assertion, refused
from authsvc.protocol.credentials import Credentials, Presentable, Proof, Proving

METHOD = "private_key_jwt"
ALGORITHMS = frozenset(STRANGER_ALGORITHMS)


def presented(request: Presentable) -> Credentials | None:
    """Return the assertion, if it is the client's own and of any algorithm but those of shared secrets.

    Raises: InvalidRequest, InvalidClient, as `read_assertion`.
    """
    assertion = read_assertion(request)
    if assertion is None or not assertion.is_own or assertion.algorithm in HMAC_ALGORITHMS:
        return None
    return Credentials(assertion.subject, presented_assertion=assertion.token)


def authenticate(credentials: Credentials, client: Client, proving: Proving) -> Proof | None:
    """Return the proof, good once, if one of the client's keys signed the assertion. Raises: InvalidClient."""
    token = credentials.presented_assertion
    if token is None:
        raise refused("no assertion")
    algorithms = client.assertion_algorithms & ALGORITHMS
    keys = find_public_keys((client.jwks, client.jwks_uri), token, algorithms, proving)
    return prove_own(token, client, keys, algorithms, proving)
