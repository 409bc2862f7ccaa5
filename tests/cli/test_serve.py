import os
import signal
import socket
import sqlite3
import ssl
import subprocess
import time
import urllib.request
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from authsvc.cli.listen import Listen
from tests.cli.conftest import PASSWORD, sentence_of
from tests.cli.running import SCRIPT, answers, get, post, wait_until
from tests.harness import postgres


def self_signed(directory, name):
    """A certificate for localhost and its key, as files."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    cert_file, key_file = directory / f"{name}.crt", directory / f"{name}.tls"
    cert_file.write_bytes(certificate.public_bytes(Encoding.PEM))
    key_file.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return str(cert_file), str(key_file)


def on(site, cert=None, key=None):
    return Listen("127.0.0.1", site.port, None, cert, key)


def add_app(site):
    """A person and an app with which to sign in."""
    site.done("users", "create", "ada", stdin=PASSWORD + "\n")
    site.done("clients", "create", "app", "--public", "--first-party", "--scope", "openid")


def sign_in(site, password):
    form = f"username=ada&password={password.replace(' ', '+')}&client_id=app&scope=openid"
    return post(f"http://127.0.0.1:{site.port}/login", form)


def change_database(site, sql):
    with closing(sqlite3.connect(site.directory / "var" / "authsvc.db")) as database, database:
        database.execute(sql)


def set_schema(site, revision):
    change_database(site, f"UPDATE alembic_version SET version_num = '{revision}'")


def without_tenant(site):
    change_database(site, "DELETE FROM tenants")


def with_another_key(site):
    site.done("doctor", "--port", str(site.port))
    site.master_key.unlink()
    site.done("keys", "init-master")


def untouched(site):
    pass


@pytest.mark.parametrize(
    ("change", "environment", "fragments"),
    [
        pytest.param(
            untouched, {"AUTHSVC_ISSUER": "http://login.example"}, ("AUTHSVC_ISSUER", "https"), id="http issuer"
        ),
        pytest.param(
            untouched, {"AUTHSVC_ISSUER": "https://a.example/b/"}, ("AUTHSVC_ISSUER", "path"), id="issuer's path"
        ),
        pytest.param(
            untouched, {"AUTHSVC_ISSUER": "https://login.example"}, ("belongs to", "AUTHSVC_ISSUER"), id="other issuer"
        ),
        pytest.param(
            lambda site: site.master_key.unlink(), {}, ("master.key is missing", "init-master"), id="no master key"
        ),
        pytest.param(
            lambda site: site.master_key.chmod(0o640), {}, ("open to other users", "chmod 600"), id="open master key"
        ),
        pytest.param(
            lambda site: site.master_key.write_text("nonsense"), {}, ("is damaged", "line 1"), id="damaged master key"
        ),
        pytest.param(with_another_key, {}, ("cannot be opened", "master key file"), id="other master key"),
        pytest.param(
            lambda site: set_schema(site, "0000"), {}, ("lacks the migrations", "authsvc migrate"), id="behind"
        ),
        pytest.param(lambda site: set_schema(site, "9999"), {}, ("newer authsvc",), id="ahead"),
        pytest.param(untouched, {"AUTHSVC_DATABASE_URL": "sqlite:///new.db"}, ("authsvc migrate",), id="empty"),
        pytest.param(
            untouched, {"AUTHSVC_DATABASE_URL": "mysql://x/y"}, ("AUTHSVC_DATABASE_URL",), id="other database"
        ),
        pytest.param(
            untouched,
            {"AUTHSVC_DATABASE_URL": "postgresql://u:hush@127.0.0.1:1/x"},
            ("cannot be reached", "AUTHSVC_DATABASE_URL"),
            id="unreachable",
        ),
        pytest.param(without_tenant, {}, ("no default tenant", "authsvc migrate"), id="no default tenant"),
        pytest.param(
            untouched, {"AUTHSVC_REDIS_URL": "redis://:hush/y@127.0.0.1:6379"}, ("AUTHSVC_REDIS_URL",), id="bad redis"
        ),
        pytest.param(
            untouched, {"AUTHSVC_HTTP__MACHINE_THREADS": "many"}, ("AUTHSVC_HTTP__MACHINE_THREADS",), id="bad setting"
        ),
    ],
)
def test_what_would_fail_later_is_refused_in_one_sentence(installation, change, environment, fragments):
    change(installation)

    sentence = sentence_of(installation.serve(on(installation), **environment))

    assert [fragment for fragment in fragments if fragment not in sentence] == []
    assert "hush" not in sentence


def test_every_wrong_setting_is_named_without_its_value(installation):
    done = installation.serve(on(installation), AUTHSVC_WORKERS="0", AUTHSVC_MAIL__SMTP_PORT="hush")

    assert done.code == 1
    assert [line.split(":")[1].strip() for line in done.err.splitlines()] == [
        "AUTHSVC_WORKERS",
        "AUTHSVC_MAIL__SMTP_PORT",
    ]
    assert "hush" not in done.err


def test_tls_files_that_cannot_serve_are_refused(installation):
    cert, key = self_signed(installation.directory, "one")
    _, other_key = self_signed(installation.directory, "two")

    def refusal(cert, key):
        return sentence_of(installation.serve(on(installation, cert, key)))

    assert "go together" in refusal(cert, None)
    assert "--tls-key gone.pem cannot be read" in refusal(cert, "gone.pem")
    assert "belong together" in refusal(cert, other_key)
    assert "belong together" in refusal(key, key)


def test_a_taken_port_is_refused(installation):
    with socket.create_server(("127.0.0.1", installation.port)):
        assert "is taken" in sentence_of(installation.serve(on(installation)))
        metrics = {"AUTHSVC_OBSERVE__METRICS_PORT": str(installation.port)}
        other = replace(on(installation), port=postgres.free_port())
        assert "METRICS_PORT" in sentence_of(installation.serve(other, **metrics))


def test_the_command_hands_its_options_to_the_supervisor_that_refuses(installation):
    options = ("--host", "192.0.2.1", "--port", str(installation.port), "--workers", "3")

    assert "192.0.2.1" in installation.refused("serve", *options)
    assert "AUTHSVC_ISSUER" in installation.refused("serve", AUTHSVC_ISSUER="http://login.example")


def test_a_request_in_flight_finishes_after_sigterm(installation, start):
    add_app(installation)
    server = start("serve", "--port", str(installation.port), AUTHSVC_PASSWORDS__FAILURE_SECONDS="1.5")
    body = b"username=ada&password=wrong&client_id=app"
    head = f"POST /login HTTP/1.1\r\nHost: localhost:{installation.port}\r\nContent-Length: {len(body)}\r\n"
    head += "Expect: 100-continue\r\n"
    form = b"Content-Type: application/x-www-form-urlencoded\r\n\r\n"
    with socket.create_connection(("127.0.0.1", installation.port), timeout=60) as connection:
        connection.sendall(head.encode() + form)
        assert connection.recv(65_536).startswith(b"HTTP/1.1 100 ")  # It has begun with the request.
        connection.sendall(body)
        time.sleep(0.5)

        server.process.send_signal(signal.SIGTERM)

        assert connection.recv(65_536).startswith(b"HTTP/1.1 401 ")
    assert server.process.wait(60) == 0
    assert not answers(f"{server.url}/health/live")


def test_on_postgresql_workers_add_up_their_metrics_and_a_killed_one_is_replaced(site, start, fresh_postgres_url):
    metrics_port = postgres.free_port()
    site.environment |= {
        "AUTHSVC_ISSUER": site.issuer,
        "AUTHSVC_DATABASE_URL": fresh_postgres_url,
        "AUTHSVC_OBSERVE__METRICS_PORT": str(metrics_port),
    }
    site.done("keys", "init-master")
    site.done("migrate")
    add_app(site)
    server = start("serve", "--port", str(site.port), "--workers", "2")
    wait_until(lambda: server.out.count("worker_ready") == 2, server)
    before = server.workers

    assert sign_in(site, PASSWORD)[0] == 200
    os.kill(min(before), signal.SIGKILL)
    wait_until(lambda: len(server.workers - before) == 1)
    wait_until(lambda: all(sign_in(site, PASSWORD)[0] == 200 for _ in range(4)))

    counted = 'authsvc_requests_total{endpoint="login",status="200"}'
    wait_until(lambda: _value(get(f"http://127.0.0.1:{metrics_port}/metrics"), counted) >= 4)
    assert server.stop() == 0


def _value(metrics, name):
    return next((float(line.split()[-1]) for line in metrics.decode().splitlines() if line.startswith(name)), 0.0)


def test_a_worker_that_is_still_starting_ends_when_told(installation):
    with subprocess.Popen(
        [SCRIPT, "serve", "--port", str(installation.port)],
        cwd=installation.directory,
        env=installation.environment,
        stdout=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        try:
            next(line for line in process.stdout if b"worker_started" in line)
            process.terminate()
            said = process.stdout.read()
            assert process.wait() == 0
        finally:
            process.kill()
    assert b"worker_killed" not in said


def test_a_second_worker_s_port_cannot_be_taken_by_another_server(installation, start):
    start("serve", "--port", str(installation.port))
    assert "is taken" in sentence_of(installation.serve(on(installation)))


def test_workers_end_when_their_supervisor_is_killed(installation, start):
    server = start("serve", "--port", str(installation.port))
    workers = server.workers

    server.process.kill()

    assert workers
    wait_until(lambda: not any(_is_alive(pid) for pid in workers))


def _is_alive(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):  # It may go between opening and reading.
        return False


def test_tls_is_served_from_the_given_files(installation, start):
    cert, key = self_signed(installation.directory, "one")
    arguments = ("serve", "--port", str(installation.port), "--tls-cert", cert, "--tls-key", key)
    with subprocess.Popen([SCRIPT, *arguments], cwd=installation.directory, env=installation.environment) as process:
        context = ssl.create_default_context(cafile=cert)

        def live():
            try:
                with urllib.request.urlopen(
                    f"https://localhost:{installation.port}/health/live", context=context
                ) as it:
                    return it.status == 200
            except OSError:
                return process.poll() is not None

        try:
            wait_until(live)
            assert process.poll() is None
        finally:
            process.terminate()
    assert process.returncode == 0


def test_no_worker_carries_the_command_line():
    probe = "import sys, authsvc.app, authsvc.cli.serving; print({'typer', 'alembic'} & {*sys.modules})"

    done = subprocess.run([SCRIPT.with_name("python"), "-c", probe], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "set()"
