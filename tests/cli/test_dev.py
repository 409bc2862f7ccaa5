import json
import shutil
import signal
import socket
import sqlite3
import subprocess
import time
from contextlib import closing

import httpx
import pytest

from tests.cli.running import SCRIPT, get, post, wait_until
from tests.harness.requirements import missing

LOGIN = "username={user}&password={password}&client_id={client}&scope=openid+offline_access+orders:read"


def facts_of(site):
    return json.loads((site.directory / "var" / "dev.json").read_text())


def log_in(site, password=None):
    facts = facts_of(site)
    form = LOGIN.format(
        user=facts["user"]["username"],
        password=password or facts["user"]["password"],
        client=facts["app_client"]["client_id"],
    )
    return post(f"http://127.0.0.1:{site.port}/login", form)


def pasted(commands):
    """What a shell prints when the lines are pasted into it."""
    if shutil.which("curl") is None or shutil.which("bash") is None:
        missing("curl or bash is missing: install both")
    done = subprocess.run(["bash", "-c", commands], capture_output=True, text=True, check=True, timeout=110)
    return json.loads(done.stdout)


def test_the_first_start_prints_commands_that_work_when_pasted(site, start):
    server = start("dev", "--port", str(site.port))
    wait_until(lambda: f"ready at {site.issuer}" in server.out, server)

    said = server.out
    lines = [line.strip() for line in said.splitlines()]
    login, service = (
        next(line for line in lines if line.startswith(f"curl -s {site.issuer}/{path}"))
        for path in ("login", "token -u")
    )
    refresh, exchange = (
        "\n".join(lines[(at := next(i for i, line in enumerate(lines) if line.startswith(name))) : at + 2])
        for name in ("REFRESH=", "TOKEN=")
    )
    signed_in = pasted(login)
    assert {"access_token", "refresh_token", "id_token"} <= signed_in.keys()
    assert pasted(service)["scope"] == "orders:read"
    for _ in range(2):
        assert pasted(refresh)["refresh_token"] not in (None, signed_in["refresh_token"])
    assert pasted(exchange)["scope"] == "billing:read"
    assert f"{site.issuer}/docs" in said
    assert b"There is none yet." in get(f"{site.issuer}/dev/outbox")
    assert server.err == ""


def test_the_first_start_keeps_the_same_facts_in_a_private_file(site, start):
    said = start("dev", "--port", str(site.port)).out

    facts = facts_of(site)
    assert facts == {
        "issuer": site.issuer,
        "user": {"username": "ada", "password": facts["user"]["password"]},
        "service_client": {"client_id": "dev-service", "client_secret": facts["service_client"]["client_secret"]},
        "app_client": {"client_id": "dev-app"},
        "web_client": {
            "client_id": "dev-web",
            "client_secret": facts["web_client"]["client_secret"],
            "redirect_uris": ["http://localhost:3000/callback", "http://127.0.0.1:3000/callback"],
        },
        "admin_client": {"client_id": "dev-admin", "client_secret": facts["admin_client"]["client_secret"]},
        "resource": {"audience": "https://orders.example", "scopes": ["orders:read", "orders:write"]},
        "exchange": {"audience": "https://billing.example", "scopes": ["billing:read"]},
    }
    assert len(facts["user"]["password"]) >= 15
    assert facts["user"]["password"] in said
    assert facts["service_client"]["client_secret"] in said
    assert facts["web_client"]["client_secret"] in said
    assert facts["admin_client"]["client_secret"] in said
    private = [site.directory / "var" / name for name in ("dev.json", "authsvc.db", "authsvc.log")] + [site.master_key]
    assert {path.stat().st_mode & 0o777 for path in private} == {0o600}
    assert site.master_key.parent.stat().st_mode & 0o777 == 0o700


def test_the_service_turns_a_person_api_key_into_a_token_for_its_own_resource(site, start):
    start("dev", "--port", str(site.port))
    facts = facts_of(site)
    with httpx.Client(base_url=f"http://127.0.0.1:{site.port}", trust_env=False, timeout=60) as http:
        person = {**facts["user"], "client_id": "dev-app", "scope": "account"}
        signed_in = http.post("/login", json=person).json()["access_token"]
        key = http.post(
            "/api-keys",
            json={"name": "ci", "scopes": ["orders:read"]},
            headers={"Authorization": f"Bearer {signed_in}"},
        )
        exchange = {
            "grant_type": "urn:ietf:params:oauth:grant-type:token-exchange",
            "subject_token": key.json()["key"],
            "subject_token_type": "urn:authsvc:params:oauth:token-type:api_key",
        }
        service = ("dev-service", facts["service_client"]["client_secret"])
        answer = http.post("/token", data=exchange, auth=service)
        told = http.post("/introspect", data={"token": answer.json()["access_token"]}, auth=service).json()
    assert (answer.status_code, told["aud"], told["scope"]) == (200, "https://orders.example", "orders:read")


def test_both_loopback_addresses_answer_and_no_other(site, start):
    start("dev", "--port", str(site.port))

    assert get(f"http://127.0.0.1:{site.port}/health/live")
    if socket.has_ipv6:
        assert get(f"http://[::1]:{site.port}/health/live")
    assert len(json.loads(get(f"http://127.0.0.1:{site.port}/jwks"))["keys"]) == 2
    outer = {str(row[4][0]) for row in socket.getaddrinfo(socket.gethostname(), None, socket.AF_INET)} - {"127.0.0.1"}
    for address in outer:
        if not address.startswith("127."):
            with pytest.raises(OSError, match="refused"):
                socket.create_connection((address, site.port), timeout=5)


def test_a_second_start_reuses_everything_and_tells_no_secret(site, start):
    first = start("dev", "--port", str(site.port))
    assert first.stop() == 0
    facts, key = (site.directory / "var" / "dev.json").read_bytes(), site.master_key.read_bytes()

    second = start("dev", "--port", str(site.port))

    assert (site.directory / "var" / "dev.json").read_bytes() == facts
    assert site.master_key.read_bytes() == key
    assert json.loads(facts)["user"]["password"] not in second.out
    assert json.loads(facts)["service_client"]["client_secret"] not in second.out
    assert "dev.json" in second.out
    assert log_in(site)[0] == 200


def test_what_an_earlier_version_began_is_caught_up(site, start):
    assert start("dev", "--port", str(site.port)).stop() == 0
    file = site.directory / "var" / "dev.json"
    facts = facts_of(site)
    later = ("web_client", "admin_client")
    earlier = {name: value for name, value in facts.items() if name not in later}
    file.write_text(json.dumps(earlier))
    with closing(sqlite3.connect(site.directory / "var" / "authsvc.db")) as database, database:
        database.execute("DELETE FROM clients WHERE id IN ('dev-web', 'dev-admin')")

    start("dev", "--port", str(site.port))

    now = facts_of(site)
    assert now == earlier | {name: now[name] for name in later}
    assert now["web_client"]["client_secret"] != facts["web_client"]["client_secret"]
    assert file.stat().st_mode & 0o777 == 0o600
    authenticated = ("dev-web", now["web_client"]["client_secret"])
    with httpx.Client(base_url=f"http://127.0.0.1:{site.port}", trust_env=False, timeout=60) as http:
        answer = http.post("/token", data={"grant_type": "authorization_code", "code": "x"}, auth=authenticated)
    assert answer.json()["error"] == "invalid_grant"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=["sigterm", "ctrl-c"])
def test_a_request_in_flight_finishes_when_the_server_is_stopped(site, start, number):
    server = start("dev", "--port", str(site.port), AUTHSVC_PASSWORDS__FAILURE_SECONDS="1.5")
    body = LOGIN.format(user="ada", password="wrong", client="dev-app").encode()
    head = f"POST /login HTTP/1.1\r\nHost: localhost:{site.port}\r\nContent-Type: application/x-www-form-urlencoded\r\n"
    with socket.create_connection(("127.0.0.1", site.port), timeout=60) as connection:
        connection.sendall(head.encode() + b"Expect: 100-continue\r\nContent-Length: %d\r\n\r\n" % len(body))
        assert connection.recv(65_536).startswith(b"HTTP/1.1 100 ")  # It has begun with the request.
        connection.sendall(body)
        time.sleep(0.5)

        server.process.send_signal(number)

        assert connection.recv(65_536).startswith(b"HTTP/1.1 401 ")
    assert server.process.wait(60) == 0
    assert server.err == ""


def test_a_first_start_that_was_killed_leaves_a_directory_that_works(site, start):
    for after_seconds in (0.7, 1.0, 1.3, 1.6):
        with subprocess.Popen(
            [SCRIPT, "dev", "--port", str(site.port)],
            cwd=site.directory,
            env=site.environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        ) as process:
            time.sleep(after_seconds)
            process.kill()

    start("dev", "--port", str(site.port))

    assert log_in(site)[0] == 200


def test_facts_of_a_start_that_did_not_commit_are_replaced(site, start):
    site.directory.joinpath("var").mkdir()
    left = {"issuer": site.issuer, "user": {"username": "ada", "password": "never stored"}}
    site.directory.joinpath("var", "dev.json").write_text(json.dumps(left))

    start("dev", "--port", str(site.port))

    assert log_in(site)[0] == 200


def test_another_directory_shares_nothing_with_the_first(site, start):
    start("dev", "--port", str(site.port), "--data", "elsewhere")

    found = {path.name for path in site.directory.joinpath("elsewhere").iterdir()}
    assert {"authsvc.db", "authsvc.log", "dev.json", "master.key"} <= found
    assert not site.master_key.exists()


@pytest.fixture
def born(site, start):
    """A directory after its first start."""
    assert start("dev", "--port", str(site.port)).stop() == 0
    return site


def test_a_directory_of_another_issuer_is_refused(born):
    sentence = born.refused("dev", "--port", str(born.port + 1))

    assert f"belongs to {born.issuer}" in sentence
    assert f"--port {born.port}" in sentence
    born.directory.joinpath("var", "dev.json").unlink()
    assert f"belongs to {born.issuer}" in born.refused("dev", "--port", str(born.port + 1))


def test_a_taken_port_is_refused_before_anything_is_made(site):
    with socket.create_server(("127.0.0.1", site.port)):
        sentence = site.refused("dev", "--port", str(site.port))

    assert f"Port {site.port} of 127.0.0.1 is taken" in sentence
    assert not site.directory.joinpath("var").exists()


def test_a_lost_master_key_is_not_replaced_by_a_new_one(born):
    born.master_key.unlink()

    assert "put it back" in born.refused("dev", "--port", str(born.port))
    assert not born.master_key.exists()
