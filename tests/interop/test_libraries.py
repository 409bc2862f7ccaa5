"""Programs that know nothing of authsvc accept its tokens, over HTTP, and refuse them when one thing is wrong."""

import json
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import httpx
import jwt
import pytest
from joserfc import jwt as joserfc_jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from authsvc.app import key_policy, read_master_keys
from authsvc.crypto import jws
from authsvc.crypto.jwk import SigningKey
from authsvc.domain.keyring import Keyring
from authsvc.storage.sql.engine import open_storage
from tests.flows.processes import serving_processes
from tests.flows.world import ALGORITHMS, OTHER_PASSWORD, PASSWORD, Installation, audience, install
from tests.harness.postgres import free_port
from tests.harness.requirements import INTEROP, require


@dataclass(frozen=True, slots=True)
class Case:
    """A token and what a resource server would ask of it."""

    token: str
    jwks_uri: str
    issuer: str
    audience: str
    typ: str
    algorithm: str

    @property
    def as_json(self) -> dict[str, str]:
        return {
            "token": self.token, "jwksUri": self.jwks_uri, "issuer": self.issuer, "audience": self.audience,
            "typ": self.typ, "algorithm": self.algorithm,
        }  # fmt: skip


@dataclass(frozen=True, slots=True)
class Issuer:
    """The running server, what the network knows of it, and its keys, for forgeries that only it could sign."""

    installation: Installation
    address: str
    jwks_uri: str
    keys: dict[str, SigningKey]

    def access_case(self, algorithm: str) -> Case:
        fields = {"grant_type": "client_credentials", "scope": f"{algorithm.lower()}:read"}
        credentials = ("svc", self.installation.secrets["svc"])
        answer = httpx.post(f"{self.address}/token", data=fields, auth=credentials, trust_env=False, timeout=60)
        assert answer.status_code == 200, answer.text
        token = answer.json()["access_token"]
        return Case(token, self.jwks_uri, self.address, audience(algorithm), "at+jwt", algorithm)

    def id_case(self) -> Case:
        fields = {"username": "alice", "password": PASSWORD, "client_id": "app", "scope": "openid"}
        answer = httpx.post(f"{self.address}/login", data=fields, trust_env=False, timeout=60)
        assert answer.status_code == 200, answer.text
        return Case(answer.json()["id_token"], self.jwks_uri, self.address, "app", "JWT", "RS256")


@pytest.fixture(scope="module")
def issuer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Issuer]:
    directory, port = tmp_path_factory.mktemp("interop"), free_port()
    address = f"http://127.0.0.1:{port}"
    installation = install(f"sqlite:///{directory}/authsvc.db", directory, address)
    # In every key set lies one that most of these programs cannot read (RFC 9964): it must disturb none of them.
    _own_keys(installation, POST_QUANTUM)
    with serving_processes(installation.settings, [port], directory / "log"):
        for algorithm in ALGORITHMS:
            Issuer(installation, address, "", {}).access_case(algorithm)
        # The other tenant has keys, too.
        fields = {"username": "alice", "password": OTHER_PASSWORD, "client_id": "app", "scope": "openid es256:read"}
        httpx.post(f"{address}/t/other/login", data=fields, trust_env=False, timeout=60).raise_for_status()
        found = httpx.get(f"{address}/.well-known/oauth-authorization-server", trust_env=False, timeout=60).json()
        assert found["issuer"] == address
        yield Issuer(installation, address, found["jwks_uri"], _own_keys(installation, *ALGORITHMS, POST_QUANTUM))


def _own_keys(installation: Installation, *algorithms: str) -> dict[str, SigningKey]:
    settings = installation.settings
    storage = open_storage(settings.database_url, pool_size=1, cache=None)
    uow = storage.unit_of_work(installation.tenant.id)
    keyring = Keyring(read_master_keys(settings), key_policy(settings))
    try:
        uow.begin()
        keys = {name: keyring.signing_key(name, uow, datetime.now(UTC)) for name in algorithms}
        uow.commit()
        return keys
    finally:
        uow.close()
        storage.close()


def by_pyjwt(cases: list[Case]) -> list[str | None]:
    clients = {uri: jwt.PyJWKClient(uri) for uri in {case.jwks_uri for case in cases}}
    return [_pyjwt_verdict(case, clients[case.jwks_uri]) for case in cases]


def _pyjwt_verdict(case: Case, client: jwt.PyJWKClient) -> str | None:
    try:
        key = client.get_signing_key_from_jwt(case.token)
        found = jwt.decode_complete(
            case.token, key, algorithms=[case.algorithm], issuer=case.issuer, audience=case.audience
        )
    except jwt.PyJWTError as error:
        return type(error).__name__
    # The library leaves typ to the application (RFC 9068 §4).
    return None if found["header"].get("typ") == case.typ else "typ"


def by_joserfc(cases: list[Case]) -> list[str | None]:
    key_sets = {
        uri: KeySet.import_key_set(httpx.get(uri, trust_env=False, timeout=60).json())
        for uri in {c.jwks_uri for c in cases}
    }
    return [_joserfc_verdict(case, key_sets[case.jwks_uri]) for case in cases]


def _joserfc_verdict(case: Case, keys: KeySet) -> str | None:
    rules = joserfc_jwt.JWTClaimsRegistry(
        iss={"essential": True, "value": case.issuer},
        aud={"essential": True, "value": case.audience},
        exp={"essential": True},
    )
    try:
        found = joserfc_jwt.decode(case.token, keys, algorithms=[case.algorithm])
        rules.validate(found.claims)
    except (JoseError, ValueError) as error:
        return type(error).__name__
    return None if found.header.get("typ") == case.typ else "typ"


def by_npm_jose(cases: list[Case]) -> list[str | None]:
    require("node")
    require("npm packages")
    ran = subprocess.run(
        ["node", "verify.mjs"], cwd=INTEROP, input=json.dumps([case.as_json for case in cases]),
        capture_output=True, text=True, check=True, timeout=110,
    )  # fmt: skip
    verdicts: list[str | None] = json.loads(ran.stdout)
    return verdicts


POST_QUANTUM = "ML-DSA-65"
LIBRARIES = [
    pytest.param(by_pyjwt, id="PyJWT"),
    pytest.param(by_joserfc, id="joserfc"),
    pytest.param(by_npm_jose, id="npm jose"),
]
Library = Callable[[list[Case]], list[str | None]]


@pytest.mark.parametrize("library", LIBRARIES)
def test_access_tokens_of_every_algorithm_are_accepted(issuer: Issuer, library: Library):
    assert library([issuer.access_case(algorithm) for algorithm in ALGORITHMS]) == [None] * len(ALGORITHMS)


def test_a_post_quantum_token_is_accepted_by_npm_jose_where_node_knows_the_algorithm(issuer: Issuer):
    unchanged = issuer.access_case("ES256")
    case = replace(_with(issuer, unchanged, key=issuer.keys[POST_QUANTUM]), algorithm=POST_QUANTUM)
    assert (by_npm_jose([case]) == [None]) is _node_knows(POST_QUANTUM)


def _node_knows(algorithm: str) -> bool:
    script = f"crypto.subtle.generateKey('{algorithm}', true, ['sign', 'verify']).then(() => 'yes', () => 'no')"
    ran = subprocess.run(
        [require("node"), "--input-type=module", "--eval", f"console.log(await {script})"],
        capture_output=True, text=True, check=True, timeout=110,
    )  # fmt: skip
    return ran.stdout.strip() == "yes"


@pytest.mark.parametrize("library", LIBRARIES)
def test_id_tokens_are_accepted(issuer: Issuer, library: Library):
    assert library([issuer.id_case()]) == [None]


def _with(issuer: Issuer, case: Case, typ: str | None = None, key: SigningKey | None = None, **changed: Any) -> Case:
    """The same token with other claims, type or key id, truly signed by the issuer's own key."""
    claims = jwt.decode(case.token, options={"verify_signature": False}) | changed
    return replace(case, token=jws.sign(claims, key or issuer.keys[case.algorithm], typ or case.typ))


def _spoiled(issuer: Issuer, case: Case) -> dict[str, Case]:
    head, payload, signature = case.token.split(".")
    own = issuer.keys[case.algorithm]
    flipped = ("A" if signature[10] != "A" else "B").join((signature[:10], signature[11:]))
    others = [algorithm for algorithm in ALGORITHMS if algorithm != case.algorithm]
    return {
        "signature changed": replace(case, token=f"{head}.{payload}.{flipped}"),
        "signature missing": replace(case, token=f"{head}.{payload}."),
        "payload changed": replace(case, token=f"{head}.{payload[:-4]}AAAA.{signature}"),
        "issuer asked": replace(case, issuer=f"{case.issuer}/t/other"),
        "issuer in the token": _with(issuer, case, iss="https://evil.example"),
        "issuer with a slash": _with(issuer, case, iss=f"{case.issuer}/"),
        "audience asked": replace(case, audience="https://nowhere.example"),
        "audience in the token": _with(issuer, case, aud="https://nowhere.example"),
        "expired": _with(issuer, case, iat=1_700_000_000, exp=1_700_000_300),
        "type asked": replace(case, typ="logout+jwt"),
        "type in the token": _with(issuer, case, typ="dpop+jwt"),
        "unknown key id": _with(issuer, case, key=replace(own, kid="nobody")),
        "key id of another key": _with(issuer, case, key=replace(own, kid=issuer.keys[others[0]].kid)),
        "another algorithm asked": replace(case, algorithm=others[0]),
    }


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize("algorithm", [*ALGORITHMS, "ID token"])
def test_a_token_with_one_thing_wrong_is_refused(issuer: Issuer, library: Library, algorithm: str):
    good = issuer.id_case() if algorithm == "ID token" else issuer.access_case(algorithm)
    unchanged = _with(issuer, good)
    assert library([good, unchanged]) == [None, None], "the forgeries differ in nothing but their one fault"
    spoiled = _spoiled(issuer, good)
    verdicts = dict(zip(spoiled, library(list(spoiled.values())), strict=True))
    assert [name for name, verdict in verdicts.items() if verdict is None] == []


@pytest.mark.parametrize("library", LIBRARIES)
def test_an_id_token_is_no_access_token_and_the_other_way_round(issuer: Issuer, library: Library):
    access, identity = issuer.access_case("RS256"), issuer.id_case()
    swapped = [replace(access, token=identity.token), replace(identity, token=access.token)]
    assert None not in library(swapped)


@pytest.mark.parametrize("library", LIBRARIES)
def test_a_token_of_another_tenant_is_refused(issuer: Issuer, library: Library):
    case = issuer.access_case("ES256")
    assert None not in library([replace(case, jwks_uri=f"{issuer.address}/t/other/jwks")])


def test_every_published_key_says_what_it_is_for(issuer: Issuer):
    keys = httpx.get(issuer.jwks_uri, trust_env=False, timeout=60).json()["keys"]
    assert {key["alg"] for key in keys} == {*ALGORITHMS, POST_QUANTUM}
    assert {key["use"] for key in keys} == {"sig"}
    assert len({key["kid"] for key in keys}) == len(keys)
