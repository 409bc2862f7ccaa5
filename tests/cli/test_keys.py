from datetime import UTC, datetime

import pytest

from authsvc.crypto.envelope import parse_master_keys
from authsvc.domain.keyring import KeyPolicy, Keyring
from authsvc.domain.mail.outbox import Mail
from authsvc.domain.mail.postbox import Postbox
from authsvc.storage.sql.engine import open_storage

LETTER = Mail("ada@example.com", "subject", "text", "html")


class Server:
    """What a running server has: the master keys as it read them at its start, and the database."""

    def __init__(self, site):
        self.keys = parse_master_keys(site.master_key.read_text())
        self.storage = open_storage(f"sqlite:///{site.directory}/var/authsvc.db", pool_size=1, cache=None)
        (self.tenant,) = self.storage.list_tenants()

    def opens_everything(self):
        """Open every key and letter, as only a process that has just started must."""
        uow = self.storage.unit_of_work(self.tenant.id)
        try:
            keyring, now = Keyring(self.keys, KeyPolicy(300, 60)), datetime.now(UTC)
            signing = [keyring.signing_key(algorithm, uow, now).kid for algorithm in ("ES256", "RS256")]
            keyring.opaque_key(uow, now)
            letters = [Postbox(self.keys).open(letter, self.tenant.id) for letter in uow.outbox.list(None, 10)]
        finally:
            uow.close()
        return bool(signing) and set(letters) == {LETTER}

    def posts_a_letter(self):
        uow = self.storage.unit_of_work(self.tenant.id)
        uow.begin()
        Postbox(self.keys).post(LETTER, uow, datetime.now(UTC))
        uow.commit()
        uow.close()


@pytest.fixture
def running(installation):
    """An installation with keys and a letter, all encrypted under its first master key."""
    installation.done("doctor", "--port", str(installation.port))
    Server(installation).posts_a_letter()
    return installation


def ids_of(site):
    return [line.split()[0] for line in site.master_key.read_text().splitlines()]


def test_the_master_key_is_replaced_without_a_running_server_failing(running):
    before = Server(running)
    (old,) = ids_of(running)

    told = running.done("keys", "rotate-master").out
    assert ids_of(running)[0] == old, "nothing may be encrypted under a key that other servers do not know yet"
    new = ids_of(running)[1]
    assert f"authsvc keys rotate-master --to {new}" in told
    assert before.opens_everything()
    informed = Server(running)

    told = running.done("keys", "rotate-master", "--to", new).out
    assert "4 secrets were encrypted anew" in told
    assert ids_of(running) == [new, old]
    assert informed.opens_everything()
    informed.posts_a_letter()
    after = Server(running)
    assert after.opens_everything()

    assert "1 secrets" in running.done("keys", "rotate-master", "--to", new).out
    told = running.done("keys", "rotate-master", "--to", new).out
    assert f"the lines of {old} may be removed" in told
    running.master_key.write_text(running.master_key.read_text().splitlines()[0] + "\n")
    assert Server(running).opens_everything()
    assert running.master_key.stat().st_mode & 0o777 == 0o600


def test_a_rotation_that_was_interrupted_is_finished_by_the_same_command(running):
    running.done("keys", "rotate-master")
    old, new = ids_of(running)
    lines = running.master_key.read_text().splitlines()
    running.master_key.write_text("\n".join(reversed(lines)) + "\n")

    assert "4 secrets were encrypted anew" in running.done("keys", "rotate-master", "--to", new).out
    assert ids_of(running) == [new, old]
    assert Server(running).opens_everything()


def test_a_master_key_that_the_file_does_not_hold_cannot_become_current(running):
    before = running.master_key.read_text()

    assert "no master key mk-0" in running.refused("keys", "rotate-master", "--to", "mk-0")
    assert running.master_key.read_text() == before


def test_a_master_key_file_is_made_once_and_never_replaced(site):
    site.done("keys", "init-master")
    before = site.master_key.read_text()

    assert "is there already" in site.refused("keys", "init-master")
    assert site.master_key.read_text() == before
    assert site.master_key.stat().st_mode & 0o777 == 0o600
    assert [path.name for path in site.master_key.parent.iterdir()] == ["master.key"]


def test_a_rotated_key_is_published_before_it_signs(running):
    running.done("keys", "rotate", "ES256")

    old, new = (key for key in running.done("keys", "list", "--json").json if key["algorithm"] == "ES256")
    assert (old["state"], new["state"]) == ("signs", "published, will sign")
    assert old["retires_at"] is not None
    assert "no algorithm HS256" in running.refused("keys", "rotate", "HS256")


def test_a_revoked_key_is_replaced_at_once(running):
    old = next(key for key in running.done("keys", "list", "--json").json if key["algorithm"] == "ES256")

    running.done("keys", "revoke", old["kid"], "--yes")

    states = [key["state"] for key in running.done("keys", "list", "--json").json if key["algorithm"] == "ES256"]
    assert states == ["revoked", "signs"]
    assert "no key" in running.refused("keys", "revoke", old["kid"], "--yes")


@pytest.mark.parametrize(
    "kid", ["-3DaZ6XmptZ6D1yIatgQPvpGKkeH6AAR4N5KNzAz5yI", "--DaZ6XmptZ6D1yIatgQPvpGKkeH6AAR4N5KNzAz5yI"]
)
def test_a_kid_that_begins_with_a_hyphen_is_no_option(running, kid):
    assert f"no key {kid}" in running.refused("keys", "revoke", kid, "--yes")
