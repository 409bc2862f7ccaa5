from authsvc.settings import Throttle, read_settings
from tests.cli import settings_table


def test_one_number_of_a_counter_can_be_set_alone(monkeypatch):
    monkeypatch.setenv("AUTHSVC_REGISTRATION__PER_ADDRESS__FREE", "500")
    assert read_settings().registration.per_address == Throttle(
        free=500, first_delay_seconds=10, longest_delay_seconds=300, window_seconds=3_600
    )


def test_the_operations_page_names_every_setting_as_it_is():
    assert settings_table.written() == settings_table.table(), "run: python tests/cli/settings_table.py"
