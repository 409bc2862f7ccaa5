import subprocess
import sys

import pytest

from authsvc.domain.people.common_passwords import common_passwords


@pytest.mark.parametrize("word", ["password", "qwerty123456789", "1qaz2wsx3edc4rfv", "passwordstandard"])
def test_what_many_people_choose_is_on_the_list(word):
    assert word in common_passwords()


def test_the_list_is_in_lower_case_and_loaded_once():
    assert all(word == word.lower() for word in common_passwords())
    assert common_passwords() is common_passwords()


def test_nothing_is_loaded_before_the_first_new_password():
    code = """
import sys
import authsvc.app
from authsvc.domain.people.common_passwords import common_passwords
assert common_passwords.cache_info().currsize == 0
common_passwords()
assert not [name for name in sys.modules if "zxcvbn" in name or "frequency" in name]
"""
    subprocess.run([sys.executable, "-c", code], check=True)
