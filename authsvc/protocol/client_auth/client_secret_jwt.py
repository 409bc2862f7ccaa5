"""A JWT that the client authenticates with its secret (RFC 7523 §2.2, OpenID Connect Core §9)."""

from dataclasses import replace

from authsvc.crypto.algorithms import HMAC_ALGORITHMS
from authsvc.crypto.errors import UnsupportedKey
from authsvc.crypto.jwk import VerificationKey, hmac_key
from authsvc.domain.parties.clients import Client, shared_secrets
from authsvc.protocol.client_assertion import prove_own, read_assertion, refused, reread
from authsvc.protocol.credentials import Credentials, Presentable, Proof, Proving

METHOD = "client_secret_jwt"
ALGORITHMS = frozenset(HMAC_ALGORITHMS)


def presented(request: Presentable) -> Credentials | None:
    """Return the assertion, if it is the client's own and of an algorithm of shared secrets.

    Raises: InvalidRequest, InvalidClient, as `read_assertion`.
    """
    assertion = read_assertion(request)
    if assertion is None or not assertion.is_own or assertion.algorithm not in ALGORITHMS:
        return None
    return Credentials(assertion.subject, presented_assertion=assertion.token)


def authenticate(credentials: Credentials, client: Client, proving: Proving) -> Proof | None:
    """Return the proof, good once, if one of the client's live secrets made the assertion. Raises: InvalidClient."""
    token = credentials.presented_assertion
    if token is None:
        raise refused("no assertion")
    algorithms = client.assertion_algorithms & ALGORITHMS
    algorithm, kid = reread(token).algorithm, reread(token).kid
    if algorithm not in algorithms:
        raise refused(f"alg {algorithm} is not one of {', '.join(sorted(algorithms)) or 'none'}")
    # Secrets have no key ids: some libraries name one all the same.
    keys = tuple(replace(key, kid=kid) for key in _keys(client, algorithm, proving))
    return prove_own(token, client, keys, algorithms, proving)


def _keys(client: Client, algorithm: str, proving: Proving) -> list[VerificationKey]:
    secrets = shared_secrets(client, proving.tenant.id, proving.issuing.master_keys)
    try:
        return [hmac_key(secret, algorithm) for secret in secrets]
    except UnsupportedKey as error:
        raise refused(str(error)) from error
