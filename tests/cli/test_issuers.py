"""Trusted issuers on the command line, and the commands of the manual."""

import re
import shlex
from pathlib import Path

import pytest

ISSUER = "https://cluster.example"
MANUAL = Path(__file__).parents[2] / "docs" / "operations.md"
SECTION = "## Other issuers, workloads and exchanges"


def test_an_issuer_lives_from_creation_to_deletion(installation, key_file):
    installation.done("issuers", "create", ISSUER, "--jwks-file", key_file, "--purpose", "workloads")

    (listed,) = installation.done("issuers", "list", "--json").json
    assert (listed["issuer"], listed["purposes"], listed["algorithms"]) == (ISSUER, ["workloads"], ["ES256", "RS256"])
    assert (len(listed["jwks"]), listed["jwks_uri"], listed["max_token_seconds"]) == (1, None, 3600)
    assert (listed["subject_claim"], listed["subject_kind"], listed["subjects"]) == ("sub", "user_id", [])
    installation.done("issuers", "disable", ISSUER)
    assert installation.done("issuers", "show", ISSUER, "--json").json["disabled_at"] is not None
    installation.done("issuers", "enable", ISSUER)
    assert installation.done("issuers", "show", ISSUER, "--json").json == listed
    installation.done("issuers", "delete", ISSUER, "--yes")
    assert "no trusted issuer" in installation.refused("issuers", "show", ISSUER)


def test_an_update_changes_what_is_given_and_nothing_else(installation, key_file):
    installation.done(
        "issuers", "create", ISSUER, "--jwks-file", key_file, "--purpose", "workloads", "--subject", "a", "--name", "K"
    )
    before = installation.done("issuers", "show", ISSUER, "--json").json

    installation.done(
        "issuers", "update", ISSUER, "--jwks-uri", "https://cluster.example/keys", "--purpose", "users", "--purpose",
        "subjects", "--algorithm", "PS256", "--audience", "https://aud.example", "--subject-claim", "email",
        "--subject-kind", "email", "--subject", "", "--max-token-seconds", "60",
    )  # fmt: skip

    assert installation.done("issuers", "show", ISSUER, "--json").json == before | {
        "jwks": None, "jwks_uri": "https://cluster.example/keys", "purposes": ["subjects", "users"],
        "algorithms": ["PS256"], "audiences": ["https://aud.example"], "subject_claim": "email",
        "subject_kind": "email", "subjects": [], "max_token_seconds": 60,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("arguments", "fragment"),
    [
        pytest.param(("http://x.example", "--purpose", "users"), "https URL", id="issuer"),
        pytest.param((ISSUER,), "purposes", id="no purpose"),
        pytest.param((ISSUER, "--purpose", "everything"), "purposes", id="purpose"),
        pytest.param((ISSUER, "--purpose", "users", "--algorithm", "HS256"), "algorithms", id="algorithm"),
        pytest.param((ISSUER, "--purpose", "users", "--subject-kind", "nickname"), "subject_kind", id="kind"),
        pytest.param((ISSUER, "--purpose", "users", "--subject", "*"), "subjects", id="anyone by a star"),
        pytest.param((ISSUER, "--purpose", "users", "--max-token-seconds", "0"), "max_token_seconds", id="life"),
        pytest.param(("https://taken.example", "--purpose", "users"), "registered already", id="taken"),
        pytest.param((ISSUER, "--purpose", "users", "--tenant", "gone"), "no tenant gone", id="tenant"),
    ],
)
def test_an_issuer_that_may_not_be_is_refused(installation, key_file, arguments, fragment):
    keys = ("--jwks-file", key_file)
    installation.done("issuers", "create", "https://taken.example", *keys, "--purpose", "users")

    assert fragment in installation.refused("issuers", "create", *arguments, *keys)
    assert len(installation.done("issuers", "list", "--json").json) == 1


def test_a_tenants_own_issuer_cannot_be_trusted_as_a_strangers(installation, key_file):
    own = ("--name", "other", "--issuer", "https://own.example")
    installation.done("tenants", "create", "other", *own[2:])
    create = ("issuers", "create", "https://own.example", "--jwks-file", key_file, "--purpose", "users")

    assert "judged as its own" in installation.refused(*create, "--tenant", "other")
    installation.done(*create)


@pytest.mark.parametrize("arguments", [(), ("--jwks-uri", "https://10.0.0.1:8443/keys", "--jwks-file", "keys.json")])
def test_keys_come_from_one_place(installation, key_file, arguments):
    assert "jwks" in installation.refused("issuers", "create", ISSUER, "--purpose", "users", *arguments)


def test_a_private_key_is_never_stored(installation):
    private = {"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA", "d": "secret-canary"}
    (installation.directory / "private.json").write_text(f'{{"keys": [{str(private).replace(chr(39), chr(34))}]}}')

    told = installation.refused("issuers", "create", ISSUER, "--purpose", "users", "--jwks-file", "private.json")
    assert "canary" not in told
    assert installation.done("issuers", "list", "--json").json == []


def test_every_command_of_the_manual_can_be_typed(installation, key_file):
    for audience in ("https://orders.example.com", "https://stock.example.com"):
        scopes = [part for verb in ("read", "write") for part in ("--scope", f"{audience.split('.')[0][8:]}:{verb}")]
        installation.done("resources", "create", audience, *scopes)
    installation.done("clients", "create", "shop-app", "--public", "--first-party")
    section = MANUAL.read_text().partition(SECTION)[2].partition("\n## ")[0]
    typed = [line.strip() for line in re.sub(r"\\\n", " ", section).splitlines() if line.startswith("    authsvc ")]
    assert len(typed) > 5
    for command in typed:
        installation.done(*shlex.split(command, comments=True)[1:])
