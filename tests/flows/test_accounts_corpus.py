"""Whatever is posted to the account API, it is answered: done or refused in a form, never a fault."""

import json
from collections.abc import Iterator
from contextlib import ExitStack
from urllib.parse import quote_from_bytes

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from authsvc.settings import Passwords, Throttle
from tests.flows.in_process import PASSWORD, AppClient, running_app
from tests.flows.test_accounts_register import NO_SERVER
from tests.harness import postgres

FIELDS = ("username", "password", "email", "name", "current_password", "new_password", "token", "email_verified")
PATHS = [("POST", "/register"), ("PATCH", "/me"), ("POST", "/me/password"), ("POST", "/me/email/confirm"),
         ("POST", "/register/confirm"), ("DELETE", "/nowhere"), ("GET", "/me")]  # fmt: skip
ODD = ["\x00", "\ud800", "\u202e", "a\u0301" * 600, "x" * 5_000, "é" * 2_000, "'; --", "%s%n", "${x}", "\U0001f600",
       "ﬃ", "İ", "ß", "\u2028", "a@b@c", "a@[127.0.0.1]", '"a b"@example.org', "a@xn--80ak6aa92e.com", "a@ex ample.org",
       "as_ml_", "as_ml_" + "A" * 48]  # fmt: skip
NEVER = Throttle(free=1_000_000, first_delay_seconds=1, longest_delay_seconds=1, window_seconds=3_600)

texts = st.one_of(st.text(max_size=40), st.sampled_from(ODD), st.emails(), st.just(PASSWORD))
numbers = st.one_of(st.integers(), st.floats(), st.sampled_from([10**400, -0.0, 1e400]))
values = st.recursive(
    st.one_of(texts, st.none(), st.booleans(), numbers),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(texts, inner, max_size=3)),
    max_leaves=6,
)
objects = st.dictionaries(st.one_of(st.sampled_from(FIELDS), texts), values, max_size=5)
persons = st.fixed_dictionaries(
    {"username": texts, "password": st.one_of(st.just(PASSWORD), texts)}, optional={"email": texts, "name": texts}
)
changes = st.fixed_dictionaries({}, optional={"username": texts, "email": st.none() | texts, "name": st.none() | texts})
passwords = st.fixed_dictionaries({"current_password": st.just(PASSWORD) | texts, "new_password": texts})
bodies = st.one_of(objects, persons, changes, passwords, st.fixed_dictionaries({"token": texts}))
RELAXED = settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def client(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[AppClient]:
    directory = tmp_path_factory.mktemp("corpus")
    with ExitStack() as stack:
        url = f"sqlite:///{directory}/authsvc.db"
        if request.param == "postgresql":
            url = stack.enter_context(postgres.fresh_database(request.getfixturevalue("postgres_url")))
        throttles = Passwords(failure_seconds=0, per_address=NEVER, per_account=NEVER)
        yield stack.enter_context(running_app(url, directory, passwords=throttles, mail=NO_SERVER))


@pytest.fixture(scope="module")
def headers(client: AppClient) -> dict[str, str]:
    return client.bearer(client.register())


def check(answer) -> None:
    assert answer.status_code < 500, answer.text
    if answer.status_code >= 400:
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["request_id"] == answer.headers["x-request-id"]
        assert answer.json()["status"] == answer.status_code


def encoded(fields: dict[str, object]) -> bytes:
    """A form, with whatever cannot be encoded written as bytes that are no UTF-8."""
    pairs = [(name, value if isinstance(value, str) else json.dumps(value)) for name, value in fields.items()]
    return b"&".join(
        b"=".join(quote_from_bytes(part.encode("utf-8", "surrogatepass")).encode() for part in pair) for pair in pairs
    )


clean = st.characters(exclude_categories=("Cc", "Cs"))
names = st.from_regex(r"\w{1,12}[.-]?\w{1,12}", fullmatch=True) | texts
FITTING = st.one_of(
    st.tuples(st.just(("POST", "/register")), persons),
    st.tuples(
        st.just(("POST", "/register")),
        st.fixed_dictionaries(
            {"username": names, "password": st.text(clean, min_size=15, max_size=40) | st.just(PASSWORD)},
            optional={"email": st.emails(), "name": st.text(clean, min_size=1, max_size=200)},
        ),
    ),
    st.tuples(st.just(("PATCH", "/me")), changes),
    st.tuples(
        st.just(("PATCH", "/me")),
        st.fixed_dictionaries(
            {}, optional={"username": names, "email": st.none() | st.emails(), "name": st.text(clean, min_size=1)}
        ),
    ),
    st.tuples(st.just(("POST", "/me/password")), passwords),
    st.tuples(
        st.just(("POST", "/me/password")),
        st.fixed_dictionaries({"current_password": st.just(PASSWORD) | texts, "new_password": st.just(PASSWORD)}),
    ),
    st.tuples(
        st.sampled_from([("POST", "/register/confirm"), ("POST", "/me/email/confirm")]),
        st.fixed_dictionaries(
            {"token": st.from_regex(r"as_ml_[A-Za-z0-9_-]{40,50}", fullmatch=True) | texts},
            optional={"password": texts},
        ),
    ),
)


@RELAXED
@given(posted=FITTING, is_form=st.booleans())
def test_no_fitting_body_is_a_fault(client, headers, posted, is_form):
    (method, path), fields = posted
    content = encoded(fields) if is_form else json.dumps(fields).encode()
    media_type = "application/x-www-form-urlencoded" if is_form else "application/json"
    check(client.http.request(method, path, content=content, headers={**headers, "Content-Type": media_type}))


@RELAXED
@given(endpoint=st.sampled_from(PATHS), fields=bodies)
def test_no_json_object_is_a_fault(client, headers, endpoint, fields):
    method, path = endpoint
    content = json.dumps(fields).encode()
    sent = {**headers, "Content-Type": "application/json"}
    check(client.http.request(method, path, content=content, headers=sent))


@RELAXED
@given(endpoint=st.sampled_from(PATHS), fields=bodies)
def test_no_form_is_a_fault(client, headers, endpoint, fields):
    method, path = endpoint
    sent = {**headers, "Content-Type": "application/x-www-form-urlencoded"}
    check(client.http.request(method, path, content=encoded(fields), headers=sent))


@RELAXED
@given(
    endpoint=st.sampled_from(PATHS),
    content=st.binary(max_size=80) | st.sampled_from([b"{", b"[]", b'{"a":NaN}', b'{"a":1,"a":2}', b"\xff", b"%zz=1"]),
    media_type=st.sampled_from(
        ["application/json", "application/x-www-form-urlencoded", "text/plain", "", "x;charset="]
    ),
)
def test_no_bytes_are_a_fault(client, headers, endpoint, content, media_type):
    method, path = endpoint
    sent = {**headers, "Content-Type": media_type}
    check(client.http.request(method, path, content=content, headers=sent))


@pytest.mark.parametrize("depth", [200, 900, 970, 990, 1_000, 1_010, 5_000, 30_000])
@pytest.mark.parametrize("pair", [("[", "]"), ('{"a":', "}")], ids=["lists", "objects"])
def test_no_depth_is_a_fault(client, headers, depth, pair):
    opening, closing = pair
    content = '{"username":' + opening * depth + "1" + closing * depth + "}"
    sent = {**headers, "Content-Type": "application/json"}
    check(client.http.post("/register", content=content.encode(), headers=sent))


@RELAXED
@given(
    token=st.text(st.characters(codec="latin-1"), max_size=60)
    | st.sampled_from(["Bearer", "Bearer ", "Basic eA==", "Bearer a.b.c"])
)
def test_no_authorization_is_a_fault(client, token):
    check(client.http.request("GET", "/me", headers=[(b"authorization", token.encode("latin-1"))]))
