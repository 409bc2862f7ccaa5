"""An installation of its own for each test, and the commands typed at it."""

import json
import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import pytest

from authsvc.cli import serving
from authsvc.cli.listen import Listen
from authsvc.crypto.jwk import generate, load_signing_key
from tests.cli import running
from tests.cli.running import Done, Running, run_forked, type_command
from tests.harness import postgres

ENVIRONMENT = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "PYTHONPATH") if name in os.environ}
PASSWORD = "correct horse battery staple"


def sentence_of(done: Done) -> str:
    """The one sentence of a refusal."""
    assert done.code == 1, done
    lines = done.err.splitlines()
    assert len(lines) == 1, done
    assert lines[0].startswith("authsvc: "), done
    assert lines[0].endswith("."), done
    return lines[0].removeprefix("authsvc: ")


@dataclass(slots=True)
class Site:
    """A directory with its settings; `run` types a command there."""

    directory: Path
    port: int
    environment: dict[str, str] = field(default_factory=dict)

    @property
    def issuer(self) -> str:
        return f"http://localhost:{self.port}"

    @property
    def master_key(self) -> Path:
        return self.directory / "keys" / "master.key"

    def run(self, *arguments: str, stdin: str = "", **environment: str) -> Done:
        return run_forked(partial(type_command, *arguments), self.environment | environment, self.directory, stdin)

    def serve(self, listen: Listen, **environment: str) -> Done:
        """What `serve` runs after it has become the supervisor."""
        return run_forked(partial(serving.main, listen), self.environment | environment, self.directory)

    def done(self, *arguments: str, stdin: str = "", **environment: str) -> Done:
        """As `run`, for what must succeed."""
        done = self.run(*arguments, stdin=stdin, **environment)
        assert done.code == 0, done
        return done

    def refused(self, *arguments: str, stdin: str = "", **environment: str) -> str:
        """As `run`, for what must be refused: the one sentence that it says."""
        return sentence_of(self.run(*arguments, stdin=stdin, **environment))


@pytest.fixture
def site(tmp_path: Path, free_port: int) -> Site:
    """An empty directory, with nothing of the outer environment but what programs need to run."""
    return Site(tmp_path, free_port, dict(ENVIRONMENT))


@pytest.fixture(scope="session")
def first_installation(tmp_path_factory: pytest.TempPathFactory) -> Site:
    """What `installation` is a copy of."""
    site = Site(tmp_path_factory.mktemp("installation"), postgres.free_port(), dict(ENVIRONMENT))
    site.environment["AUTHSVC_ISSUER"] = site.issuer
    site.done("keys", "init-master")
    site.done("migrate")
    return site


@pytest.fixture
def installation(site: Site, first_installation: Site) -> Site:
    """A migrated database, a master key and the default tenant."""
    for name in ("keys", "var"):
        shutil.copytree(first_installation.directory / name, site.directory / name)
    site.port = first_installation.port
    site.environment["AUTHSVC_ISSUER"] = site.issuer
    return site


@pytest.fixture
def write(installation: Site) -> Callable[..., str]:
    def write_file(text: str, name: str = "wanted.toml") -> str:
        """Write a file of configuration beside the installation; returns its name."""
        (installation.directory / name).write_text(text)
        return name

    return write_file


@pytest.fixture
def key_file(installation: Site) -> str:
    """The name of a file with a public key of an ES256 signer, in the installation's directory."""
    key = load_signing_key("ES256", generate("ES256"))
    (installation.directory / "keys.json").write_text(json.dumps({"keys": [dict(key.public)]}))
    return "keys.json"


@pytest.fixture
def start(site: Site) -> Iterator[Callable[..., Running]]:
    """Starts servers in the site's directory, and ends them with the test."""
    contexts = []

    def start_server(*arguments: str, url: str = "", **environment: str) -> Running:
        context = running.serving(
            arguments, site.environment | environment, site.directory, url or f"http://127.0.0.1:{site.port}"
        )
        server = context.__enter__()
        contexts.append(context)
        return server

    yield start_server
    for context in reversed(contexts):
        context.__exit__(None, None, None)
