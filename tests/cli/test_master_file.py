import os
import stat

import pytest

from authsvc.cli.master_file import open_to_others

ROOT, SOMEBODY = 0, 10_001


@pytest.mark.parametrize(
    ("mode", "owner", "user", "is_open"),
    [
        pytest.param(0o600, SOMEBODY, SOMEBODY, False, id="its user's alone"),
        pytest.param(0o400, SOMEBODY, SOMEBODY, False, id="its user's to read"),
        pytest.param(0o640, SOMEBODY, SOMEBODY, True, id="its group's too"),
        pytest.param(0o604, SOMEBODY, SOMEBODY, True, id="everybody's"),
        pytest.param(0o440, ROOT, SOMEBODY, False, id="mounted by root for the group of one process"),
        pytest.param(0o460, ROOT, SOMEBODY, True, id="mounted, and its group may write"),
        pytest.param(0o444, ROOT, SOMEBODY, True, id="mounted for everybody"),
        pytest.param(0o640, ROOT, ROOT, True, id="root's own, and its group's"),
        pytest.param(0o600, ROOT, ROOT, False, id="root's own"),
    ],
)
def test_a_key_file_is_open_to_others_when(mode: int, owner: int, user: int, is_open: bool):
    status = os.stat_result((stat.S_IFREG | mode, 1, 1, 1, owner, owner, 57, 0, 0, 0))
    assert open_to_others(status, user) is is_open
