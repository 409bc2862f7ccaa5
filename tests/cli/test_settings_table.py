from tests.cli import settings_table


def test_the_operations_page_names_every_setting_as_it_is():
    assert settings_table.written() == settings_table.table(), "run: python tests/cli/settings_table.py"
