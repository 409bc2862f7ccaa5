"""The story in a browser: `make demo`.

A book shop that knows nothing of passwords, an API that takes its orders, and authsvc between them, over https with a
certificate authority of its own. A person clicks: sign in, agree, order, sign out. Everything lies in var/demo and is
used again by the next start.
"""

import argparse
import json
import secrets
import signal
import sys
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path

import certificates
from services import BIN, authsvc, say, service

HERE = Path(__file__).parent
ORDERS = "https://orders.example"
SCOPES = ("openid", "profile", "email", "offline_access", "orders:read", "orders:write")
USERNAME = "ada"


@dataclass(frozen=True, slots=True)
class Facts:
    """What the first start made."""

    password: str
    client_secret: str


def main() -> int:
    """Start everything, say where to click, and run until Ctrl-C."""
    options = argparse.ArgumentParser(description="A shop with sign-in, in your browser.")
    options.add_argument("--data", type=Path, default=Path("var/demo"))
    options.add_argument("--port", type=int, default=8443, help="of authsvc; the shop and the API have the next two")
    chosen = options.parse_args()
    with ExitStack() as running:
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
        try:
            facts = play(chosen.data.resolve(), chosen.port, running)
            tell(facts, chosen.data, chosen.port)
            signal.pause()
        except KeyboardInterrupt:
            pass
    return 0


def play(data: Path, port: int, running: ExitStack) -> Facts:
    """Start authsvc, the shop and the orders API."""
    data.mkdir(mode=0o700, parents=True, exist_ok=True)
    ca, cert, key = certificates.of_localhost(data)
    issuer, shop = f"https://localhost:{port}", f"https://localhost:{port + 1}"
    settings = {
        "AUTHSVC_ISSUER": issuer,
        "AUTHSVC_DATABASE_URL": f"sqlite:///{data / 'authsvc.db'}",
        "AUTHSVC_MASTER_KEY_FILE": str(data / "master.key"),
        "AUTHSVC_CONFIG": str(data / "none.toml"),
    }
    facts = remembered(data, issuer) or install(data, settings, issuer, shop)
    trusting = {"SSL_CERT_FILE": str(ca), "ISSUER": issuer, "PYTHONPATH": str(HERE / "shop")}
    tls = ["--ssl-certfile", cert, "--ssl-keyfile", key]
    serving = [BIN / "uvicorn", "--log-level", "warning"]
    running.enter_context(
        service(
            "authsvc", [BIN / "authsvc", "serve", "--port", port, "--tls-cert", cert, "--tls-key", key], data,
            port=port, **settings,
        )
    )  # fmt: skip
    running.enter_context(
        service("orders", [*serving, "--port", port + 2, "orders:app"], data, port=port + 2, **trusting)
    )
    running.enter_context(
        service(
            "shop", [*serving, *tls, "--port", port + 1, "shop:app"], data, port=port + 1, **trusting,
            CLIENT_ID="shop", CLIENT_SECRET=facts.client_secret, SHOP_URL=shop,
            ORDERS_URL=f"http://127.0.0.1:{port + 2}",
        )
    )  # fmt: skip
    return facts


def remembered(data: Path, issuer: str) -> Facts | None:
    """Return what an earlier start made, None if there was none."""
    try:
        found = json.loads((data / "demo.json").read_text())
    except FileNotFoundError:
        return None
    if found.pop("issuer") != issuer:
        sys.exit(f"{data} belongs to another port: delete it, or choose another with --data")
    return Facts(**found)


def install(data: Path, settings: Mapping[str, str], issuer: str, shop: str) -> Facts:
    """Do what an administrator does once: keys, tables, a person, an API and the shop as its client."""
    say("making a person, an API and a client: once")
    password = "-".join(secrets.token_hex(3) for _ in range(3))
    authsvc(settings, "keys", "init-master")
    authsvc(settings, "migrate")
    authsvc(settings, "tenants", "look", "default", "--display-name", "Harbour Books", "--accent", "#0b5c8a")
    authsvc(settings, "users", "create", USERNAME, "--name", "Ada", "--email", "ada@example.com", stdin=password)
    authsvc(
        settings, "resources", "create", ORDERS, "--name", "Orders", "--scope", "orders:read", "--scope", "orders:write"
    )
    words = ["clients", "create", "shop", "--name", "Harbour Books", "--profile", "oidc", "--resource", ORDERS]
    words += ["--grant", "authorization_code", "--grant", "refresh_token", "--redirect-uri", f"{shop}/callback"]
    printed = authsvc(settings, *words, *(word for scope in SCOPES for word in ("--scope", scope)))
    authsvc(settings, "clients", "relying-party", "shop", "--post-logout-redirect-uri", f"{shop}/")
    facts = Facts(password, next(word for word in printed.split() if word.startswith("as_cs_")))
    kept = data / "demo.json"
    kept.touch(mode=0o600)
    kept.write_text(json.dumps({"issuer": issuer, **asdict(facts)}))
    return facts


def tell(facts: Facts, data: Path, port: int) -> None:
    """Say where to click."""
    print(
        f"""
The shop is at   https://localhost:{port + 1}
Sign in as       {USERNAME}   with   {facts.password}
Her account      https://localhost:{port}/ui/account

Your browser does not know who vouches for these certificates: go on past its warning, or let it trust
{data / certificates.CA_FILE}, which is good for this machine's localhost alone. Ctrl-C ends everything.
""",
        flush=True,
    )


if __name__ == "__main__":
    sys.exit(main())
