"""The file of the master keys: made once, changed as a whole, readable by its owner alone."""

import os
import secrets
import stat
from contextlib import suppress
from pathlib import Path

from authsvc.cli.refusal import Refused
from authsvc.crypto.envelope import MasterKeys, new_master_key_line, parse_master_keys
from authsvc.crypto.errors import CryptoError

_PRIVATE = 0o600


def init_master_keys(path: Path) -> bool:
    """Make the file with one new key; False if it is there. Whole or not at all, however the process ends."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = _draft(path, new_master_key_line() + "\n")
    try:
        # A link, unlike a rename, never replaces a file that another process made meanwhile.
        os.link(draft, path)
    except FileExistsError:
        return False
    finally:
        draft.unlink()
    _sync(path.parent)
    return True


def read_master_keys(path: Path) -> MasterKeys:
    """Return the keys. Raises: Refused when the file is missing or others may read it; CryptoError, OSError."""
    try:
        status = path.stat()
    except FileNotFoundError:
        raise Refused(
            f"The master key file {path} is missing: put it back, or make a first one with `authsvc keys init-master`."
        ) from None
    if open_to_others(status, os.geteuid()):
        raise Refused(f"The master key file {path} is open to other users: run `chmod 600 {path}`.")
    try:
        return parse_master_keys(path.read_text())
    except CryptoError as error:
        raise Refused(f"{path} is damaged: {error}.") from None
    except PermissionError:
        raise Refused(
            f"The master key file {path} cannot be read by this user: `chown` it to who runs authsvc."
        ) from None


def open_to_others(status: os.stat_result, user: int) -> bool:
    """Whether others than `user`, who runs this, may read the file.

    Its group may, where root owns it and runs nothing here: so an orchestrator mounts a secret for one process.
    """
    given_by_root = status.st_uid == 0 and user != 0
    return bool(status.st_mode & ((stat.S_IWGRP | stat.S_IXGRP if given_by_root else stat.S_IRWXG) | stat.S_IRWXO))


def add_master_key(path: Path) -> str:
    """Add a new key behind those that there are: known, but encrypting nothing yet. Returns its id."""
    line = new_master_key_line()
    text = path.read_text()
    _replace(path, text + ("" if text.endswith("\n") else "\n") + line + "\n")
    return line.split()[0]


def make_current(path: Path, key_id: str) -> MasterKeys:
    """Move the key to the front, so that it encrypts from now on. Raises: Refused if there is no such key."""
    lines = path.read_text().splitlines(keepends=True)
    first = [line for line in lines if line.split()[:1] == [key_id]]
    if not first:
        raise Refused(f"{path} has no master key {key_id}: `authsvc keys rotate-master` adds a new one and names it.")
    others = [line if line.endswith("\n") else line + "\n" for line in lines if line not in first]
    if lines[0] != first[0]:
        _replace(path, "".join([first[0].rstrip("\n") + "\n", *others]))
    return read_master_keys(path)


def _replace(path: Path, text: str) -> None:
    owner = path.stat()
    draft = _draft(path, text)
    with suppress(PermissionError):  # only root may give a file away; the owner keeps it anyway
        os.chown(draft, owner.st_uid, owner.st_gid)
    draft.replace(path)
    _sync(path.parent)


def _draft(path: Path, text: str) -> Path:
    draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, _PRIVATE)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    return draft


def _sync(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
