"""The first administrator is made on the command line, and the manual of the admin API works as it is written."""

import json
import re
import shutil
import subprocess
from pathlib import Path

from tests.cli.running import wait_until
from tests.harness.requirements import missing

MANUAL = Path(__file__).parents[2] / "docs" / "admin-api.md"


def test_what_the_manual_says_works_when_pasted(site, start):
    if shutil.which("curl") is None or shutil.which("bash") is None:
        missing("curl or bash is missing: install both")
    server = start("dev", "--port", str(site.port))
    wait_until(lambda: f"ready at {site.issuer}" in server.out, server)
    commands = "\n".join(re.findall(r"^```sh\n(.*?)^```", MANUAL.read_text(), re.MULTILINE | re.DOTALL))
    script = "set -eu -o pipefail\n" + commands.replace("curl -s", "curl -s --fail-with-body").replace(
        "http://localhost:8000", site.issuer
    )
    done = subprocess.run(
        ["bash", "-c", script], capture_output=True, text=True, timeout=110, check=False, cwd=site.directory
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert '"username":"grace"' in done.stdout
    assert '"disabled":false' in done.stdout


def test_an_operator_makes_the_first_administrator(installation):
    audience = f"{installation.issuer}/admin"
    refused = installation.run("clients", "create", "ops", "--scope", "admin:users:read")
    assert "--resource" in refused.err
    elsewhere = installation.run("resources", "create", audience)
    assert "issuer's own" in elsewhere.err
    unknown = installation.run("clients", "create", "ops", "--resource", audience, "--scope", "admin:everything")
    assert "admin:everything" in unknown.err
    installation.done("clients", "create", "ops", "--resource", audience, "--scope", "admin:users:read")
    told = json.loads(installation.done("clients", "show", "ops", "--json").out)
    assert (told["resources"], told["scopes"]) == ([audience], ["admin:users:read"])


def test_the_tenants_of_others_have_no_scope_for_the_table_of_tenants(installation):
    issuer = f"{installation.issuer}/t/acme"
    installation.done("tenants", "create", "acme", "--issuer", issuer)
    wanted = ("clients", "create", "ops", "--resource", f"{issuer}/admin", "--tenant", "acme", "--scope")
    assert "admin:tenants:read" in installation.run(*wanted, "admin:tenants:read").err
    assert installation.run(*wanted, "admin:users:read").code == 0
