"""Whatever is sent to the authorization endpoint: a page, a redirect of ours or to the client; never a 5xx."""

from collections.abc import Iterator
from urllib.parse import quote, urlencode

import httpx
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from authsvc.web.documented.bodies import AUTHORIZATION
from tests.flows.relying_party import CHALLENGE, REDIRECT_URI, Browser, add_client, asked
from tests.flows.world import ISSUER, running_world

QUICK = settings(
    max_examples=250, deadline=None, phases=[Phase.explicit, Phase.generate],
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)  # fmt: skip
NAMES = st.sampled_from(
    [*AUTHORIZATION, "resource", "request_uri", "registration", "id_token", "x", "\u00e4", "csrf", "flow"]
)
NASTY = (
    "", " ", "  ", "none", "login", "consent login", "code", "token", "openid", "openid email profile phone address",
    "es256:read", "account", "rp", "third", REDIRECT_URI, "https://evil.example", CHALLENGE, "S256", "plain", "query",
    "form_post", "fragment", "0", "1", "-1", "99999999999999999999", "1e9", "\u0665", "NaN", "null", "true", "[]", "{}",
    '{"id_token":{"acr":{"essential":true,"values":["urn:authsvc:acr:1fa"]}}}', '{"userinfo":{"email":null}}',
    '{"id_token":[]}', '{"a":' * 40, "[" * 4_000, "eyJhbGciOiJub25lIn0.e30.", "a.b.c", "..", "x" * 3_000, "\x00",
    "\r\nX: y",
    "\ud7ff", "\u202e", "%", "%zz", "&", "https://es256.example", "https://unknown.example", "as_ac_" + "A" * 48,
)  # fmt: skip
VALUES = st.one_of(st.sampled_from(NASTY), st.text(max_size=40))


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    directory = tmp_path_factory.mktemp("anything")
    with running_world(f"sqlite:///{directory}/authsvc.db", directory) as world:
        add_client(world)
        add_client(world, "third", first_party=False, profile="oidc")
        browser = Browser(world)
        browser.sign_in()
        yield browser


def judge(answer: httpx.Response) -> None:
    assert answer.status_code in (200, 303, 400, 403, 413), (answer.status_code, answer.text)
    location = answer.headers.get("location", f"{ISSUER}/ui/")
    assert location.startswith((f"{ISSUER}/ui/", f"{REDIRECT_URI}?", f"{REDIRECT_URI}#")), location
    assert "\n" not in location
    assert answer.headers["x-request-id"]


@QUICK
@given(
    changed=st.dictionaries(NAMES, st.lists(VALUES, min_size=1, max_size=2), max_size=4),
    drops=st.lists(NAMES, max_size=2),
)
def test_any_parameters(browser: Browser, changed: dict[str, list[str]], drops: list[str]):
    parameters = {**asked(), **changed}
    for name in drops:
        parameters.pop(name, None)
    text = urlencode(parameters, doseq=True, errors="surrogatepass")
    judge(browser.get(f"/authorize?{text}"))
    judge(Browser(browser.world).send("POST", "/authorize", text))


@QUICK
@given(octets=st.binary(max_size=200))
def test_any_octets(browser: Browser, octets: bytes):
    text = quote(octets)
    judge(browser.get(f"/authorize?{text}"))
    judge(browser.get(f"/authorize?{urlencode(asked())}&{text}"))
    judge(browser.get(f"/ui/continue?{text}"))
    judge(browser.get(f"/ui/continue?flow={text}"))
    judge(
        Browser(browser.world).send("POST", "/authorize", octets.decode("latin-1").encode("ascii", "replace").decode())
    )
