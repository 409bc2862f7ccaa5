"""authsvc export, plan and apply: the configuration as one file."""

import json
import re
import shutil
import sqlite3
from dataclasses import replace
from pathlib import Path

import pytest

from authsvc.crypto.jwk import generate, load_signing_key
from tests.cli.running import post, wait_until
from tests.cli.stored import configured, rows

AUDIENCE = "https://orders.example"
CLUSTER = "https://cluster.example"
SIGNS = ("--auth-method", "private_key_jwt", "--assertion-algorithm", "ES256")
LOGO = b"\x89PNG\r\n\x1a\n\x00logo"


@pytest.fixture
def rich(installation, first_rich):
    """An installation with one of everything that can be configured."""
    shutil.rmtree(installation.directory / "var")
    shutil.copytree(first_rich.directory / "var", installation.directory / "var")
    return installation


@pytest.fixture(scope="session")
def first_rich(first_installation, tmp_path_factory):
    """What `rich` is a copy of."""
    installation = replace(first_installation, directory=tmp_path_factory.mktemp("rich"))
    for name in ("keys", "var"):
        shutil.copytree(first_installation.directory / name, installation.directory / name)
    key_file = "keys.json"
    key = load_signing_key("ES256", generate("ES256"))
    (installation.directory / key_file).write_text(json.dumps({"keys": [dict(key.public)]}))
    (installation.directory / "logo.png").write_bytes(LOGO)
    done = installation.done
    done("tenants", "create", "shop", "--issuer", f"{installation.issuer}/t/shop")
    done("tenants", "look", "shop", "--display-name", "Ännes Laden", "--accent", "#aa0011", "--logo", "logo.png")
    done("tenants", "registration", "shop", "token")
    admin = ("--resource", f"{installation.issuer}/admin", "--scope", "admin:tenants:read")
    done("clients", "create", "admin", *admin)
    for tenant in ("default", "shop"):
        at = ("--tenant", tenant)
        done("resources", "create", AUDIENCE, "--scope", "orders:read", "--scope", "orders:write", *at)
        done("resources", "create", "urn:stock", "--scope", "stock", "--access-token-seconds", "60", *at)
        done(
            "issuers",
            "create",
            CLUSTER,
            "--jwks-file",
            key_file,
            "--purpose",
            "workloads",
            "--purpose",
            "subjects",
            *at,
        )
        bot = ("--auth-method", "federated_assertion", "--identity", f"{CLUSTER} system:bot")
        done("clients", "create", "bot", *bot, *at)
        done("clients", "create", "signer", *SIGNS, "--jwks-file", key_file, *at)
        web = ("--profile", "oidc", "--redirect-uri", "https://shop.example/cb", "--scope", "openid")
        done("clients", "create", "web.app", *web, "--serves", AUDIENCE, *at)
        done("clients", "relying-party", "web.app", "--text", "client_uri=https://shop.example", "--skips-consent", *at)
        grant = (
            "--audience",
            "urn:stock",
            "--client",
            "signer",
            "--scope",
            "orders:read=stock",
            "--mode",
            "delegation",
        )
        done("clients", "allow-exchange", "web.app", *grant, *at)
    done("clients", "disable", "signer", "--tenant", "shop")
    done("resources", "disable", "urn:stock", "--tenant", "shop")
    return installation


def test_what_was_exported_leaves_nothing_to_do(rich, write):
    first = rich.done("export").out

    assert rich.done("plan", write(first), "--prune").out.splitlines()[-1] == "nothing to do"
    before = configured(rich)
    assert rich.done("apply", write(first), "--prune").out.splitlines()[-1] == "nothing to do"
    assert configured(rich) == before
    assert rich.done("export").out == first


def test_an_export_makes_the_same_configuration_elsewhere(rich, write, first_installation, tmp_path_factory):
    exported = rich.done("export").out
    empty = type(rich)(tmp_path_factory.mktemp("other"), rich.port, dict(rich.environment))
    empty.done("keys", "init-master")
    empty.done("migrate")
    file = empty.directory / "wanted.toml"
    file.write_text(exported)

    assert empty.run("plan", str(file)).code == 2
    empty.done("apply", str(file))

    assert empty.done("plan", str(file), "--prune").out.splitlines()[-1] == "nothing to do"
    assert empty.done("export").out == exported
    assert empty.run("plan", str(file)).code == 0


def test_no_secret_and_no_hash_is_exported(rich):
    hashes = {found for row in rows(rich, "clients") for found in re.findall(r"[0-9a-f]{64}", str(row))}
    exported = rich.done("export").out

    assert hashes
    assert not any(found in exported for found in hashes)
    assert "as_cs_" not in exported
    assert "secret" not in exported.split("[tenants", 1)[1].replace("client_secret_basic", "")


FILE = """
[tenants.default.resources."https://orders.example"]
name = "Orders"
scopes = ["orders:read"]

[tenants.default.clients.shop]
name = "The shop"
grant_types = ["client_credentials"]
scopes = ["orders:read"]
resources = ["https://orders.example"]
secrets = { env = "SHOP_SECRET" }
"""


@pytest.fixture
def secret(installation) -> str:
    return str(installation.done("clients", "make-secret").out.strip())


def test_a_plan_says_what_will_be_added_changed_and_removed(installation, write, secret):
    installation.done("apply", write(FILE), SHOP_SECRET=secret)
    changed = FILE.replace('scopes = ["orders:read"]\n\n', 'scopes = ["orders:read", "orders:write"]\n\n')
    changed = changed.replace('"The shop"', '"Shop"').replace("clients.shop]", "clients.other]")

    plan = installation.run("plan", write(changed), "--prune", SHOP_SECRET=secret)

    assert plan.code == 2
    lines = plan.out.splitlines()
    assert lines[:3] == ["tenant default", f"  ~ resource {AUDIENCE}", "      scopes: + orders:write"]
    assert "  + client other" in lines
    assert "      name: Shop" in lines
    assert "      secrets: a new one" in lines
    assert lines[-2:] == ["  - client shop", "1 to add, 1 to change, 1 to remove"]
    renamed = write(FILE.replace('"Orders"', '"All"'))
    assert installation.run("plan", renamed, SHOP_SECRET=secret).out.splitlines()[1:] == [
        f"  ~ resource {AUDIENCE}", "      name: Orders -> All", "1 to change",
    ]  # fmt: skip


def test_what_was_applied_leaves_nothing_to_do_until_somebody_changes_it(installation, write, secret):
    file = write(FILE)

    assert installation.done("apply", file, SHOP_SECRET=secret).out.splitlines()[-1] == "2 to add"
    assert installation.done("apply", file, SHOP_SECRET=secret).out == "nothing to do\n"
    installation.done("clients", "update", "shop", "--first-party")

    drift = installation.run("plan", file, SHOP_SECRET=secret)
    assert (drift.code, drift.out.splitlines()[-2]) == (2, "      first_party: yes -> no")
    installation.done("apply", file, SHOP_SECRET=secret)
    assert installation.done("clients", "show", "shop", "--json").json["first_party"] is False


def test_a_secret_by_reference_works_and_is_told_nowhere(installation, write, secret, start):
    applied = installation.done("apply", write(FILE), SHOP_SECRET=secret)
    (installation.directory / "secret").write_text(installation.done("clients", "make-secret").out)
    both = FILE.replace('{ env = "SHOP_SECRET" }', '[{ env = "SHOP_SECRET" }, { file = "secret" }]')
    (before,) = installation.done("clients", "show", "shop", "--json").json["secrets"]

    rotated = installation.done("apply", write(both), SHOP_SECRET=secret)

    found = installation.done("clients", "show", "shop", "--json").json["secrets"]
    assert (len(found), found[0]) == (2, before)
    told = applied.out + applied.err + rotated.out + rotated.err + str(rows(installation, "audit_events"))
    assert secret not in told
    assert (installation.directory / "secret").read_text().strip() not in told
    old = FILE.replace('secrets = { env = "SHOP_SECRET" }', 'secrets = { file = "secret" }')
    installation.done("apply", write(old))
    assert installation.done("clients", "show", "shop", "--json").json["secrets"] == [found[1]]
    # Not named: left alone.
    installation.done("apply", write(old.replace('secrets = { file = "secret" }\n', "")))
    assert installation.done("clients", "show", "shop", "--json").json["secrets"] == [found[1]]


def test_a_secret_that_the_server_must_know_is_sealed(installation, write):
    file = FILE.replace(
        "grant_types", 'auth_method = "client_secret_jwt"\nassertion_algorithms = ["HS256"]\ngrant_types'
    )
    secret = installation.done("clients", "make-secret", "--auth-method", "client_secret_jwt").out.strip()

    installation.done("apply", write(file), SHOP_SECRET=secret)

    assert installation.done("plan", write(file), SHOP_SECRET=secret).out == "nothing to do\n"
    assert "client shop" not in installation.done("doctor", "--port", str(installation.port)).out
    (row,) = rows(installation, "clients")
    assert secret not in str(row)
    installation.master_key.unlink()
    other = installation.run("plan", write(file.replace("clients.shop", "clients.two")), SHOP_SECRET=secret)
    assert (other.code, "master.key" in other.err) == (1, True)


def test_a_new_client_without_a_secret_is_said(installation, write):
    applied = installation.done("apply", write(FILE.replace('secrets = { env = "SHOP_SECRET" }\n', "")))

    assert "authsvc clients add-secret shop" in applied.err


def test_what_the_file_does_not_name_stays_unless_it_is_pruned(installation, write, secret):
    installation.done("clients", "create", "mine")
    installation.done("tenants", "create", "two", "--issuer", f"{installation.issuer}/t/two")

    kept = installation.done("apply", write(FILE), SHOP_SECRET=secret).out.splitlines()
    assert "  = client mine is not in the file: --prune removes it" in kept
    assert "  = tenant is not in the file: --prune disables it" in kept
    assert len(installation.done("clients", "list", "--json").json) == 2
    assert installation.run("plan", write(FILE), SHOP_SECRET=secret).code == 0

    installation.done("apply", write(FILE), "--prune", SHOP_SECRET=secret)
    assert [client["id"] for client in installation.done("clients", "list", "--json").json] == ["shop"]
    disabled = {found["name"]: found["disabled_at"] for found in installation.done("tenants", "list", "--json").json}
    assert (disabled["default"], disabled["two"] is not None) == (None, True)


def test_a_client_that_registered_itself_is_neither_exported_nor_pruned(installation, write, secret):
    installation.done("clients", "create", "guest")
    with sqlite3.connect(installation.directory / "var" / "authsvc.db") as database:
        database.execute("""UPDATE clients SET relying_party = '{"registered_with":"open"}'""")

    assert "guest" not in installation.done("export").out
    applied = installation.done("apply", write(FILE), "--prune", SHOP_SECRET=secret)
    assert "guest" not in applied.out
    assert len(installation.done("clients", "list", "--json").json) == 2


def test_what_was_disabled_in_an_emergency_stays_so_unless_the_file_says_otherwise(installation, write, secret):
    installation.done("apply", write(FILE), SHOP_SECRET=secret)
    installation.done("clients", "disable", "shop")

    plan = installation.done("plan", write(FILE), SHOP_SECRET=secret).out.splitlines()
    assert plan == [
        "tenant default", "  = client shop stays disabled: the file says nothing of that", "nothing to do",
    ]  # fmt: skip
    installation.done("apply", write(FILE.replace('"The shop"', '"Shop"')), SHOP_SECRET=secret)
    assert installation.done("clients", "show", "shop", "--json").json["disabled_at"] is not None
    installation.done("apply", write(FILE + "disabled = false\n"), SHOP_SECRET=secret)
    assert installation.done("clients", "show", "shop", "--json").json["disabled_at"] is None


def test_an_identity_moves_from_one_client_to_another(rich, write):
    exported = rich.done("export").out
    moved = exported.replace("default.clients.bot", "default.clients.abot")
    rich.done("apply", write(moved), "--prune")
    two = ("--auth-method", "federated_assertion", "--identity", f"{CLUSTER} system:two")
    rich.done("clients", "create", "two", *two)

    both = rich.done("export").out
    first, second = '"system:bot"', '"system:two"'
    swapped = both.replace(first, "?", 1).replace(second, first, 1).replace("?", second, 1)
    assert swapped != both
    rich.done("apply", write(swapped))
    assert rich.done("clients", "show", "two", "--json").json["identities"][0]["subject"] == "system:bot"
    assert rich.done("plan", write(swapped)).out.splitlines()[-1] == "nothing to do"


def test_an_apply_is_all_tenants_or_none_and_is_audited(rich, write):
    """The second tenant's last write fails in the database; the first one's changes must not stay."""
    wanted = rich.done("export").out.replace('name = "urn:stock"', 'name = "Stock"')
    before = configured(rich)
    with sqlite3.connect(rich.directory / "var" / "authsvc.db") as database:
        database.execute("CREATE TABLE broken (x)")
        shop = next(found["id"] for found in rich.done("tenants", "list", "--json").json if found["name"] == "shop")
        database.execute(
            f"CREATE TRIGGER refuse BEFORE UPDATE ON resources WHEN NEW.tenant_id = '{shop.replace('-', '')}' "
            "BEGIN SELECT RAISE(ABORT, 'no'); END"
        )

    assert rich.run("apply", write(wanted)).code == 1
    assert configured(rich) == before
    with sqlite3.connect(rich.directory / "var" / "authsvc.db") as database:
        database.execute("DROP TRIGGER refuse")
    rich.done("apply", write(wanted))
    told = [row for row in rows(rich, "audit_events") if "apply wanted.toml" in str(row)]
    assert len(told) == 2
    assert all("resource.updated" in row and "resource urn:stock (name)" in str(row) for row in told)


def test_one_identity_for_two_clients_is_refused(rich, write):
    exported = rich.done("export").out
    start = exported.index("[tenants.default.clients.bot]")
    bot = exported[start : exported.index("[tenants.default.clients.signer]")]

    assert "cannot both be system:bot" in rich.refused(
        "plan", write(exported + bot.replace("clients.bot", "clients.b"))
    )


def test_running_servers_see_what_was_applied(installation, write, secret, start):
    server = start("serve", "--port", str(installation.port))
    installation.done("apply", write(FILE), SHOP_SECRET=secret)

    form = f"grant_type=client_credentials&client_id=shop&client_secret={secret}&scope=orders:read"
    wait_until(lambda: post(f"{server.url}/token", form)[0] == 200)
    installation.done("apply", write(FILE + "disabled = true\n"), SHOP_SECRET=secret)
    wait_until(lambda: post(f"{server.url}/token", form)[0] == 401)


def test_the_tool_needs_no_file_of_its_own(installation):
    assert Path(installation.refused("plan", "gone.toml").split(":")[0]) == Path("gone.toml")
