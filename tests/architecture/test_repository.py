import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

# Built from parts, so that this file does not contain what it looks for.
PEM_PRIVATE_KEY = re.compile(rb"-----BEGIN " + rb"[A-Z ]*PRIVATE KEY-----\s*[A-Za-z0-9+/=]{16}")
JWK_PRIVATE_KEY = re.compile(rb'"d"\s*:\s*"' + rb'[A-Za-z0-9_-]{32,}"')
REGISTRY_HOSTS = [
    ".".join(parts).encode()
    for parts in [
        ("registry", "npmjs", "org"),
        ("registry", "yarnpkg", "com"),
        ("files", "pythonhosted", "org"),
        ("pypi", "org"),
    ]
]


@pytest.mark.parametrize("pattern", [pytest.param(PEM_PRIVATE_KEY, id="pem"), pytest.param(JWK_PRIVATE_KEY, id="jwk")])
def test_no_private_key_is_in_the_repository(repository_files, pattern):
    assert [path for path in repository_files if pattern.search(path.read_bytes())] == []


@pytest.mark.parametrize("sample", ["pem", "jwk"])
def test_a_private_key_would_be_found(sample):
    if sample == "pem":
        assert PEM_PRIVATE_KEY.search(b"-----BEGIN " + b"EC PRIVATE KEY-----\n" + b"MHcCAQEEIBkg" * 4)
    else:
        assert JWK_PRIVATE_KEY.search(b'{"kty":"EC","d": "' + b"870MB6gfuTJ4HtUnUvYMyJpr5eUZNP4Bk43bVdj3eAE" + b'"}')


def test_nothing_in_the_repository_names_a_package_registry(repository_files):
    named = [path for path in repository_files if any(host in path.read_bytes() for host in REGISTRY_HOSTS)]
    assert named == []


def test_keys_born_in_the_repository_are_ignored_by_git():
    ignored = subprocess.run(["git", "check-ignore", "-q", "keys/master.key"], cwd=ROOT, check=False).returncode
    if ignored not in (0, 1):
        pytest.skip("not a git checkout")
    assert ignored == 0


def test_every_locked_python_package_has_a_hash():
    for name in ("requirements.lock", "requirements-dev.lock"):
        entries = re.findall(r"^[a-z0-9].*?(?=^[a-z0-9]|\Z)", (ROOT / name).read_text(), re.MULTILINE | re.DOTALL)
        assert len(entries) > 30
        assert [entry for entry in entries if "--hash=sha256:" not in entry] == []
