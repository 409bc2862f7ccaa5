import asyncio
import re
import time
from typing import Annotated, Any

import httpx
import pytest
from fastapi import Depends, FastAPI

from authsvc.verify import AccessToken, IntrospectionVerifier, TokenVerifier
from authsvc.verify.fastapi import configure, require_scope
from tests.verify.conftest import MakeVerifier
from tests.verify.issuer_server import IssuerServer

CHALLENGE = re.compile(r'Bearer(?: [a-z_]+="[^"\\]*"(?:, [a-z_]+="[^"\\]*")*)?')


@pytest.fixture
def app(verifier: TokenVerifier) -> FastAPI:
    app = FastAPI()
    configure(app, verifier)

    @app.get("/orders")
    async def orders(token: Annotated[AccessToken, Depends(require_scope("orders:read"))]) -> dict[str, str]:
        return {"subject": token.subject}

    @app.get("/refunds", dependencies=[Depends(require_scope("orders:write", "refunds:write"))])
    async def refunds() -> str:
        return "done"

    @app.get("/me")
    def me(token: Annotated[AccessToken, Depends(require_scope())]) -> str:
        return token.subject

    return app


def get(app: FastAPI, path: str = "/orders", headers: Any = (), **options: Any) -> httpx.Response:
    async def ask() -> httpx.Response:
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://orders.example") as client:
            return await client.get(path, headers=headers, **options)

    answer = asyncio.run(ask())
    challenge = answer.headers.get("WWW-Authenticate")
    assert challenge is None or CHALLENGE.fullmatch(challenge)
    return answer


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


@pytest.mark.parametrize("path", ["/orders", "/me"])
def test_a_good_token_with_the_scope_comes_in(path: str, app: FastAPI, server: IssuerServer):
    answer = get(app, path, bearer(server.token()))

    assert answer.status_code == 200
    assert "user-1" in answer.text


def test_the_scheme_may_be_written_in_any_case(app: FastAPI, server: IssuerServer):
    assert get(app, headers={"Authorization": f"bEARER {server.token()}"}).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        pytest.param({}, id="no header"),
        pytest.param({"Authorization": ""}, id="empty header"),
        pytest.param({"Authorization": "Basic YTpi"}, id="another scheme"),
        pytest.param({"Cookie": "access_token=x"}, id="cookie"),
    ],
)
def test_without_a_token_the_answer_is_401_and_no_error(headers: dict[str, str], app: FastAPI):
    answer = get(app, headers=headers)

    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"] == "Bearer"


def test_a_token_in_the_query_does_not_count(app: FastAPI, server: IssuerServer):
    answer = get(app, params={"access_token": server.token()})

    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"] == "Bearer"


@pytest.mark.parametrize(
    "header",
    [
        pytest.param("Bearer", id="nothing after the scheme"),
        pytest.param("Bearer a b", id="two words"),
        pytest.param("Bearer a, Bearer b", id="two joined by a proxy"),
        pytest.param('Bearer "a"', id="quoted"),
        pytest.param("Bearer a=b", id="padding inside"),
    ],
)
def test_a_malformed_header_is_an_invalid_request(header: str, app: FastAPI):
    answer = get(app, headers={"Authorization": header})

    assert answer.status_code == 400
    assert 'error="invalid_request"' in answer.headers["WWW-Authenticate"]


def test_two_headers_are_an_invalid_request_even_if_both_are_good(app: FastAPI, server: IssuerServer):
    token = f"Bearer {server.token()}"
    answer = get(app, headers=[("Authorization", token), ("Authorization", token)])

    assert answer.status_code == 400
    assert 'error="invalid_request"' in answer.headers["WWW-Authenticate"]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        pytest.param({"exp": 1000}, "expired", id="expired"),
        pytest.param({"aud": "https://other.example"}, "another resource", id="audience"),
        pytest.param({"typ": "JWT"}, "not an access token", id="type"),
        pytest.param({"kid": "made-up"}, "not valid", id="unknown key"),
        pytest.param({"cnf": {"jkt": "x"}}, "bound to a key", id="bound to a key"),
    ],
)
def test_a_bad_token_is_told_why(changes: dict[str, Any], words: str, app: FastAPI, server: IssuerServer):
    answer = get(app, headers=bearer(server.token(**changes)))

    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"].startswith('Bearer error="invalid_token", error_description="')
    assert words in answer.headers["WWW-Authenticate"]


def test_without_every_scope_the_answer_names_them(app: FastAPI, server: IssuerServer):
    answer = get(app, "/refunds", bearer(server.token()))

    assert answer.status_code == 403
    assert 'error="insufficient_scope"' in answer.headers["WWW-Authenticate"]
    assert 'scope="orders:write refunds:write"' in answer.headers["WWW-Authenticate"]


def test_without_keys_the_answer_is_503_and_when_to_come_again(app: FastAPI, server: IssuerServer):
    server.go_away()
    answer = get(app, headers=bearer(server.token()))

    assert answer.status_code == 503
    assert answer.headers["Retry-After"] == "1"
    assert "WWW-Authenticate" not in answer.headers


def test_a_route_may_have_its_own_verifier(make_verifier: MakeVerifier, app: FastAPI, server: IssuerServer):
    other = require_scope("orders:read", verifier=make_verifier(audience="https://reports.example"))

    @app.get("/reports", dependencies=[Depends(other)])
    async def reports() -> str:
        return "done"

    assert get(app, "/reports", bearer(server.token())).status_code == 401
    assert get(app, "/reports", bearer(server.token(aud="https://reports.example"))).status_code == 200


def test_a_route_may_be_judged_by_asking_the_issuer(asking: IntrospectionVerifier, app: FastAPI, server: IssuerServer):
    configure(app, asking)

    assert get(app, headers=bearer(server.opaque())).status_code == 200
    unknown = get(app, headers=bearer("unknown"))
    assert unknown.status_code == 401
    assert 'error="invalid_token"' in unknown.headers["WWW-Authenticate"]
    server.go_away()
    assert get(app, headers=bearer("opaque-2")).status_code == 503


def test_an_app_without_a_verifier_lets_nobody_in(server: IssuerServer):
    app = FastAPI()

    @app.get("/orders", dependencies=[Depends(require_scope("orders:read"))])
    async def orders() -> str:
        return "never"

    with pytest.raises(TypeError, match="configure"):
        get(app, headers=bearer(server.token()))


@pytest.mark.parametrize("scope", ["", "two words", 'a"b', "a\\b", "a\nb", "é"])
def test_a_scope_that_cannot_be_one_is_refused_where_it_is_written(scope: str):
    with pytest.raises(ValueError, match="not the name of one scope"):
        require_scope(scope)


HOUR = 3_600
NOW = int(time.time())
"""When the tests were collected: they may run long after that."""
STEP_UP = [
    pytest.param({"max_age_seconds": 2 * HOUR}, {"auth_time": NOW - 60}, None, id="recent"),
    pytest.param({"max_age_seconds": 300}, {"auth_time": NOW - 600}, 'max_age="300"', id="too long ago"),
    pytest.param({"max_age_seconds": 300}, {}, 'max_age="300"', id="no word of when"),
    pytest.param({"max_age_seconds": 300}, {"auth_time": str(NOW)}, 'max_age="300"', id="an instant as a text"),
    pytest.param({"max_age_seconds": 300}, {"auth_time": True}, 'max_age="300"', id="a truth for an instant"),
    pytest.param({"acr_values": ["urn:2fa", "urn:1fa"]}, {"acr": "urn:1fa"}, None, id="one of the kinds"),
    pytest.param({"acr_values": ["urn:2fa"]}, {"acr": "urn:1fa"}, 'acr_values="urn:2fa"', id="another kind"),
    pytest.param({"acr_values": ["urn:2fa", "urn:3fa"]}, {}, 'acr_values="urn:2fa urn:3fa"', id="no word of how"),
    pytest.param({"acr_values": ["urn:2fa"], "max_age_seconds": 0}, {"acr": ["urn:2fa"], "auth_time": NOW},
                 'acr_values="urn:2fa", max_age="0"', id="a list for a kind"),
]  # fmt: skip


@pytest.mark.parametrize(("wanted", "claims", "told"), STEP_UP)
def test_a_sign_in_that_is_not_good_enough_is_told_what_to_ask_for(
    wanted: dict[str, Any], claims: dict[str, Any], told: str | None, app: FastAPI, server: IssuerServer
):
    """RFC 9470 §3: the app goes back to /authorize with these parameters."""

    @app.get("/refund", dependencies=[Depends(require_scope("orders:read", **wanted))])
    async def refund() -> str:
        return "done"

    answer = get(app, "/refund", bearer(server.token(**claims)))
    if told is None:
        assert answer.status_code == 200
        return
    assert answer.status_code == 401
    challenge = answer.headers["WWW-Authenticate"]
    assert 'error="insufficient_user_authentication"' in challenge
    assert challenge.endswith(f", {told}")


@pytest.mark.parametrize("wanted", [{"max_age_seconds": -1}, {"acr_values": ['a"b']}, {"acr_values": ["a b"]}])
def test_a_sign_in_that_cannot_be_asked_for_is_refused_where_it_is_written(wanted: dict[str, Any]):
    with pytest.raises(ValueError, match=r"max_age|acr"):
        require_scope("orders:read", **wanted)


def test_the_documentation_of_the_api_shows_the_scheme(app: FastAPI):
    document = app.openapi()

    assert document["components"]["securitySchemes"] == {
        "AccessToken": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}
    }
    assert document["paths"]["/orders"]["get"]["security"] == [{"AccessToken": []}]
    assert document["paths"]["/refunds"]["get"]["security"] == [{"AccessToken": []}]
