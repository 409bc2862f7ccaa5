"""The story in one command: `make story`.

A person signs in and orders something. Orders (FastAPI) exchanges the person's token for one that billing takes;
billing (Node.js) calls stock (Go) as itself. Every token on the way is printed as its receiver saw it.
Everything runs on loopback, in a directory of its own, and ends with this command.
"""

import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
from services import BIN, authsvc, free_port, say, service

HERE = Path(__file__).parent
STOCK, BILLING = "https://stock.example", "billing"


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


if __name__ == "__main__":
    sys.exit(main())
