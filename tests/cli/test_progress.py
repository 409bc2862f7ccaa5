import pytest

from authsvc.cli.progress import progress_line


@pytest.mark.parametrize(
    ("share", "rows", "seconds", "line"),
    [
        pytest.param(0.0, 0, 0.0, "[........................]   0%  0 users, 0/s", id="not begun"),
        pytest.param(0.5, 5_000, 2.0, "[############............]  50%  5,000 users, 2,500/s, 2 s left", id="half"),
        pytest.param(0.1, 9, 20.0, "[##......................]  10%  9 users, 0/s, 3 min 00 s left", id="minutes"),
        pytest.param(1.0, 10, 5.0, "[########################] 100%  10 users, 2/s, 0 s left", id="done"),
    ],
)
def test_a_line_says_how_far_it_is(share: float, rows: int, seconds: float, line: str):
    assert progress_line("users", share, rows, seconds) == line
