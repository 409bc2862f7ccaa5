"""The plugin as a stranger meets it: in a suite of its own, in another process."""

import subprocess
import sys
from importlib.metadata import entry_points

import pytest

pytest_plugins = ["pytester"]

APPLICATION = """
    from typing import Annotated
    from fastapi import Depends, FastAPI
    from authsvc.verify import AccessToken, TokenVerifier
    from authsvc.verify.fastapi import configure, require_scope

    def create(issuer):
        app = FastAPI()
        configure(app, TokenVerifier(issuer, audience="https://orders.example"))

        @app.get("/orders")
        async def orders(token: Annotated[AccessToken, Depends(require_scope("orders:read"))]) -> dict[str, str]:
            return {"for": token.subject}

        return app
"""
SUITE = """
    import pytest
    from fastapi.testclient import TestClient
    from application import create

    AUDIENCE = "https://orders.example"

    @pytest.fixture(scope="session")
    def client(issuer):
        return TestClient(create(issuer.url))

    def ask(client, token):
        return client.get("/orders", headers={"Authorization": f"Bearer {token}"})

    def test_alice_sees_her_orders(client, issuer):
        answer = ask(client, issuer.token(sub="alice", scope="orders:read", audience=AUDIENCE))
        assert answer.status_code == 200
        assert answer.json() == {"for": "alice"}

    def test_without_the_scope_nobody_does(client, issuer):
        assert ask(client, issuer.token(sub="alice", audience=AUDIENCE)).status_code == 403

    @pytest.mark.parametrize("kind", ["expired_token", "wrong_audience_token", "tampered_token"])
    def test_bad_tokens_are_refused(client, issuer, kind):
        options = {} if kind == "wrong_audience_token" else {"audience": AUDIENCE}
        assert ask(client, getattr(issuer, kind)(scope="orders:read", **options)).status_code == 401
"""


def test_a_strangers_suite_tests_its_app_with_real_tokens(pytester: pytest.Pytester):
    pytester.makepyfile(application=APPLICATION, test_orders=SUITE)

    pytester.runpytest_subprocess().assert_outcomes(passed=5)


def test_a_suite_with_a_fixture_of_that_name_keeps_its_own(pytester: pytest.Pytester):
    pytester.makepyfile(
        """
        import pytest

        @pytest.fixture
        def issuer():
            return "mine"

        def test_it(issuer):
            assert issuer == "mine"

        @pytest.mark.parametrize("issuer", ["a", "b"])
        def test_parameters(issuer):
            assert issuer in "ab"
        """
    )

    pytester.runpytest_subprocess().assert_outcomes(passed=3)


def test_a_suite_that_does_not_use_it_pays_nothing(pytester: pytest.Pytester):
    pytester.makepyfile(
        """
        import sys

        def test_nothing_of_the_server_is_loaded():
            assert "authsvc.testing" in sys.modules
            loaded = {name.partition(".")[0] for name in sys.modules}
            assert loaded.isdisjoint({"fastapi", "starlette", "sqlalchemy", "pydantic", "httpx", "uvicorn", "jose"})
            own = {name for name in sys.modules if name.partition(".")[0] == "authsvc"}
            assert own == {"authsvc", "authsvc.testing"}
        """
    )

    pytester.runpytest_subprocess("-p", "no:cacheprovider").assert_outcomes(passed=1)


def test_the_logging_of_the_suite_is_left_alone(pytester: pytest.Pytester):
    pytester.makepyfile(
        """
        import logging

        def test_it(caplog, tmp_path, request):
            handler = logging.FileHandler(tmp_path / "own.log", mode="w")
            logging.getLogger().addHandler(handler)
            logger = logging.getLogger("own")
            logger.warning("before")
            request.getfixturevalue("issuer").token()
            logger.warning("after")
            assert [line for line in (tmp_path / "own.log").read_text().split() if line != ""][-1] == "after"
            assert "before" in (tmp_path / "own.log").read_text()
            assert {"before", "after"} <= set(caplog.messages)
        """
    )

    pytester.runpytest_subprocess().assert_outcomes(passed=1)


def test_importing_the_plugin_loads_neither_framework_nor_database():
    script = "import sys, authsvc.testing; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)

    assert {"fastapi", "starlette", "sqlalchemy", "httpx", "pydantic", "uvicorn"}.isdisjoint(loaded.stdout.split())


def test_installing_the_package_is_enough():
    assert [entry.value for entry in entry_points(group="pytest11", name="authsvc")] == ["authsvc.testing"]
