"""Fuzz every endpoint from its OpenAPI document (schemathesis): `python tests/fuzz/api.py [--cases N] [--seconds N]`.

A server of `authsvc dev` in a folder of its own is asked by six callers, each with what it may hold. Every answer must
be one that the document names, and none may be 5xx. Ends with a line for each caller and exit code 1 if any failed.
"""

import argparse
import base64
import json
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.parse
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent
CHECKS = (
    "not_a_server_error", "status_code_conformance", "content_type_conformance", "response_headers_conformance",
    "response_schema_conformance", "unsupported_method", "allow_header_conformance",
)  # fmt: skip
# Nothing may be throttled: a 429 is no answer to what was sent.
WIDE = '{"free": 1000000, "first_delay_seconds": 1, "longest_delay_seconds": 1, "window_seconds": 60}'
SETTINGS = {
    "AUTHSVC_CLIENTS__PER_ADDRESS": WIDE, "AUTHSVC_CLIENTS__PER_TENANT": WIDE, "AUTHSVC_PASSWORDS__PER_ADDRESS": WIDE,
    "AUTHSVC_PASSWORDS__PER_ACCOUNT": WIDE, "AUTHSVC_PASSWORDS__FAILURE_SECONDS": "0",
    "AUTHSVC_REGISTRATION__PER_ADDRESS": WIDE, "AUTHSVC_PASSWORDS__FORGOTTEN_PER_ADDRESS": WIDE,
    "AUTHSVC_IMPORTS__AT_ONCE": "1000000",
}  # fmt: skip
_IMPORTS = "^/admin/users/import"


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks, for which paths, with which Authorization header. `leaves_out`: what would end the caller itself.

    `goes_on`: it asks for what it was told of, too, such as an import that it has begun.
    """

    name: str
    paths: str
    authorization: str = ""
    leaves_out: str = ""
    goes_on: bool = False


def callers(issuer: str, facts: Mapping[str, Mapping[str, str]]) -> list[Caller]:
    """What `authsvc dev` made, as callers."""
    service, admin = (_basic(facts[name]) for name in ("service_client", "admin_client"))
    user, resource = facts["user"], facts["resource"]
    person = _post(
        f"{issuer}/login",
        {"username": user["username"], "password": user["password"], "client_id": facts["app_client"]["client_id"],
         "scope": "openid profile email account", "resource": issuer},
    )  # fmt: skip
    operator = _post(f"{issuer}/token", {"grant_type": "client_credentials"}, admin)
    machine = _post(f"{issuer}/token", {"grant_type": "client_credentials", "resource": resource["audience"]}, service)
    return [
        Caller("anybody", "^/"),
        Caller("a service, by its secret", "^/(token|introspect|revoke)$", service),
        Caller("a person", "^/(me|userinfo|api-keys)", f"Bearer {person}", leaves_out="^(/me|/me/password)$"),
        Caller("an operator's program", "^/admin/", f"Bearer {operator}", leaves_out=_IMPORTS),
        Caller("an operator's program with files of users", _IMPORTS, f"Bearer {operator}", goes_on=True),
        Caller("a machine where people should be", "^/(me|userinfo|api-keys|admin/)", f"Bearer {machine}"),
    ]


def main() -> None:
    """Start the server, let each caller ask, say what came of it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=100, help="of each operation and caller")
    parser.add_argument("--seconds", type=int, default=120, help="at most, for each caller")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", default="", metavar="REGEX", help="the callers whose names match")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
        free.close()
        issuer = f"http://localhost:{port}"
        command = [str(BIN / "authsvc"), "dev", "--port", str(port), "--data", folder]
        with (
            Path(folder, "out").open("wb") as out,
            subprocess.Popen(command, stdout=out, stderr=out, env={**os.environ, **SETTINGS}) as server,
        ):
            try:
                _await(issuer)
                found = callers(issuer, json.loads(Path(folder, "dev.json").read_text()))
                results = [ask(caller, issuer, given) for caller in found if re.search(given.only, caller.name)]
            finally:
                server.send_signal(signal.SIGTERM)
        failures = Path(folder, "authsvc.log").read_text().count('"event":"failed"')
    print(f"{sum(cases for cases, _ in results)} cases; {failures} failures in the server's log")
    sys.exit(bool(failures) or any(code for _, code in results))


def ask(caller: Caller, issuer: str, given: argparse.Namespace) -> tuple[int, int]:
    """Run schemathesis as this caller; return how many cases it made, and its exit code."""
    phases = "coverage,fuzzing,stateful" if caller.goes_on else "coverage,fuzzing"
    command = [
        str(BIN / "schemathesis"), "run", f"{issuer}/openapi.json", "--checks", ",".join(CHECKS), "--phases",
        phases, "--continue-on-failure", "--max-examples", str(given.cases), "--seed", str(given.seed),
        "--max-time", str(given.seconds), "--include-path-regex", caller.paths, "--warnings", "off",
    ]  # fmt: skip
    if caller.authorization:
        command += ["--header", f"Authorization: {caller.authorization}"]
    if caller.leaves_out:
        command += ["--exclude-path-regex", caller.leaves_out]
    hooks = {"SCHEMATHESIS_HOOKS": str(Path(__file__).with_name("user_files.py"))}
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, env={**os.environ, **hooks})
    made = re.search(r"([0-9]+) generated", done.stdout)
    cases = int(made[1]) if made else 0
    print(f"{caller.name}: {cases} cases, {'as documented' if done.returncode == 0 else 'FAILED'}", flush=True)
    if done.returncode:
        print(re.sub(r"(?s)^.*?(?= (?:ERRORS|FAILURES) )", "", done.stdout), done.stderr, flush=True)
    return cases, done.returncode


def _basic(client: Mapping[str, str]) -> str:
    pair = f"{client['client_id']}:{client['client_secret']}"
    return "Basic " + base64.b64encode(pair.encode()).decode()


def _post(url: str, fields: Mapping[str, str], authorization: str = "") -> str:
    headers = {"Authorization": authorization} if authorization else {}
    request = urllib.request.Request(url, urllib.parse.urlencode(fields).encode(), headers)
    with urllib.request.urlopen(request, timeout=10) as answer:
        token = json.load(answer)["access_token"]
        assert isinstance(token, str)
        return token


def _await(issuer: str) -> None:
    for _ in range(100):
        try:
            urllib.request.urlopen(f"{issuer}/health/ready", timeout=1).close()
        except OSError:
            time.sleep(0.2)
        else:
            return
    sys.exit("the server did not start")


if __name__ == "__main__":
    main()
