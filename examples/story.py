"""The story in one command: `make story`.

A person signs in and orders something. Orders (FastAPI) exchanges the person's token for one that billing takes;
billing (Node.js) calls stock (Go) as itself. Every token on the way is printed as its receiver saw it.
Everything runs on loopback, in a directory of its own, and ends with this command.
"""

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import httpx

HERE = Path(__file__).parent
BIN = Path(sys.executable).parent
STOCK, BILLING = "https://stock.example", "billing"
PATIENCE_SECONDS = 30.0


def main() -> int:
    """Start everything, let one order through, print what each service saw."""
    missing = [name for name in ("node", "npm", "go") if shutil.which(name) is None]
    if missing:
        sys.exit(f"the story needs {', '.join(missing)} on the PATH")
    with tempfile.TemporaryDirectory(prefix="authsvc-story-") as name, ExitStack() as running:
        told = play(Path(name), running)
    for line in spoken(told):
        print(line)
    return 0


def play(directory: Path, running: ExitStack) -> Mapping[str, Any]:
    """Return what orders answers to the person: its own part, and inside it what billing and stock had to say."""
    at_auth, at_orders, at_billing, at_stock = (free_port() for _ in range(4))
    data, issuer = directory / "var", f"http://localhost:{at_auth}"
    running.enter_context(
        service("authsvc", [BIN / "authsvc", "dev", "--port", at_auth, "--data", data], directory, port=at_auth)
    )
    facts = json.loads((data / "dev.json").read_text())
    secret = register_billing(issuer, data)
    orders, exchange = facts["service_client"], facts["exchange"]
    say(f"orders may exchange its callers' tokens for {exchange['audience']} ({' '.join(exchange['scopes'])})")

    binary = directory / "stock"
    subprocess.run(["go", "build", "-o", binary, "."], cwd=HERE / "stock", check=True)
    running.enter_context(
        service("stock", [binary], directory, port=at_stock, ISSUER=issuer, LISTEN=f"127.0.0.1:{at_stock}")
    )
    if not (HERE / "billing" / "node_modules" / "jose").is_dir():
        subprocess.run(["npm", "ci", "--silent", "--no-audit", "--no-fund"], cwd=HERE / "billing", check=True)
    running.enter_context(
        service(
            "billing", ["node", HERE / "billing" / "server.mjs"], directory, port=at_billing, PORT=str(at_billing),
            ISSUER=issuer, CLIENT_ID=BILLING, CLIENT_SECRET=secret, STOCK_URL=f"http://127.0.0.1:{at_stock}",
        )
    )  # fmt: skip
    uvicorn = [BIN / "uvicorn", "--log-level", "warning", "--port", at_orders, "main:app"]
    running.enter_context(
        service(
            "orders", uvicorn, directory, port=at_orders, PYTHONPATH=str(HERE / "orders"), ISSUER=issuer,
            CLIENT_ID=orders["client_id"], CLIENT_SECRET=orders["client_secret"],
            BILLING_URL=f"http://127.0.0.1:{at_billing}",
        )
    )  # fmt: skip
    token = signed_in(issuer, facts)
    say(f"{facts['user']['username']} signs in and orders")
    answer = httpx.post(
        f"http://127.0.0.1:{at_orders}/orders", headers={"Authorization": f"Bearer {token}"}, timeout=20
    )
    answer.raise_for_status()
    told: Mapping[str, Any] = answer.json()
    return told


def register_billing(issuer: str, data: Path) -> str:
    """Register stock as a resource and billing as a client that may call it; return billing's secret."""
    settings = {
        "AUTHSVC_ISSUER": issuer,
        "AUTHSVC_DATABASE_URL": f"sqlite:///{data / 'authsvc.db'}",
        "AUTHSVC_MASTER_KEY_FILE": str(data / "master.key"),
    }
    authsvc(settings, "resources", "create", STOCK, "--name", "Stock", "--scope", "stock:reserve")
    printed = authsvc(
        settings, "clients", "create", BILLING, "--grant", "client_credentials", "--scope", "stock:reserve",
        "--resource", STOCK,
    )  # fmt: skip
    return next(word for word in printed.split() if word.startswith("as_cs_"))


def signed_in(issuer: str, facts: Mapping[str, Any]) -> str:
    """Return the person's access token for orders."""
    answer = httpx.post(
        f"{issuer}/login",
        json={**facts["user"], "client_id": facts["app_client"]["client_id"], "scope": "orders:read orders:write"},
        timeout=20,
    )
    answer.raise_for_status()
    return str(answer.json()["access_token"])


def spoken(told: Mapping[str, Any]) -> Iterator[str]:
    """One paragraph for each service: what it did, and the token with which it was called."""
    at: Mapping[str, Any] | None = told
    while at is not None:
        yield f"\n{at['service']} {at['did']}; it was called with:"
        yield json.dumps(at["token"], indent=2)
        at = at.get("next")


@contextmanager
def service(name: str, command: list[Any], directory: Path, *, port: int, **settings: str) -> Iterator[None]:
    """Run a service until the block ends; its log is shown if it does not come up."""
    log = directory / f"{name}.log"
    environment = {**os.environ, **settings, "PYTHONUNBUFFERED": "1"}
    with log.open("wb") as out:
        words = [str(word) for word in command]
        process = subprocess.Popen(words, cwd=directory, env=environment, stdout=out, stderr=out)
    try:
        wait_for(port, process, log)
        say(f"{name} answers on port {port}")
        yield
    finally:
        process.terminate()
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def wait_for(port: int, process: "subprocess.Popen[bytes]", log: Path) -> None:
    """Return when the port answers; end the story with the log if it never does."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    sys.exit(f"{log.stem} did not come up:\n{log.read_text(errors='replace')}")


def authsvc(settings: Mapping[str, str], *words: str) -> str:
    """Run a command of the server's own, as an administrator would."""
    done = subprocess.run(
        [BIN / "authsvc", *words], env={**os.environ, **settings}, capture_output=True, text=True, check=False
    )
    if done.returncode:
        sys.exit(f"authsvc {' '.join(words[:2])}: {done.stderr.strip()}")
    return done.stdout


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def say(line: str) -> None:
    """One line of progress."""
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
