import io

import pytest

from authsvc.domain.people import user_rows
from authsvc.domain.people.user_rows import CSV, JSON_LINES, MAX_LINE_BYTES, FileUnreadable, Row, read_rows

LONG = b"x" * MAX_LINE_BYTES


def rows(octets: bytes, form: str) -> list[Row]:
    return list(read_rows(io.BytesIO(octets), form))


def test_csv_is_read_with_the_numbers_of_its_lines():
    octets = '\ufeffusername,name\r\nada,"Lady ""Ada"",\nof two lines"\r\n\r\nbob,\r\n'.encode()
    assert rows(octets, CSV) == [
        Row(2, {"username": "ada", "name": 'Lady "Ada",\nof two lines'}),
        Row(5, {"username": "bob"}),
    ]


def test_json_lines_are_read_with_the_numbers_of_their_lines():
    octets = '\ufeff{"username": "ada", "disabled": true}\n\n{"username": "Änne"}'.encode()
    assert rows(octets, JSON_LINES) == [Row(1, {"username": "ada", "disabled": True}), Row(3, {"username": "Änne"})]


@pytest.mark.parametrize(
    ("octets", "form", "problem"),
    [
        pytest.param(b"username,name\nada\nbob,b\n", CSV, "the row has 1 fields, not 2", id="too few cells"),
        pytest.param(b"username,name\na,b,c\nbob,b\n", CSV, "the row has 3 fields, not 2", id="too many cells"),
        pytest.param(b"username,name\nada,\xff\nbob,b\n", CSV, "the line is not UTF-8", id="bytes in CSV"),
        pytest.param(b'\n{"username": "\xff"}\n{}\n', JSON_LINES, "the line is not UTF-8", id="bytes in JSON"),
        pytest.param(b"\n[1]\n{}", JSON_LINES, "the line is no JSON object that can be taken", id="an array"),
        pytest.param(b"\n{secret\n{}", JSON_LINES, "the line is no JSON object that can be taken", id="no JSON"),
        pytest.param(b'\n{"a":1,"a":2}\n{}', JSON_LINES, "the line is no JSON object that can be taken", id="twice"),
        pytest.param(
            b"\n" + b"[" * 60_000 + b"\n{}", JSON_LINES, "the line is no JSON object that can be taken", id="deep"
        ),
        pytest.param(b"\n" + LONG + b"\n{}", JSON_LINES, "the line is longer than 65,536 bytes", id="too long"),
        pytest.param(b"\n" + 9 * LONG + b"\n{}", JSON_LINES, "the line is longer than 65,536 bytes", id="far too long"),
    ],
)
def test_a_bad_row_is_told_and_the_next_one_is_read(octets: bytes, form: str, problem: str):
    bad, following = rows(octets, form)
    assert bad == Row(2, {}, problem)
    assert (following.line, following.problem) == (3, "")


@pytest.mark.parametrize(
    ("octets", "told"),
    [
        pytest.param(b"", "the first line must name the columns", id="empty"),
        pytest.param(b"ada,secret-hash\n", "the first line must name the columns", id="without names"),
        pytest.param(b"username,secret-hash\n", "column 2 is none of disabled, email", id="unknown column"),
        pytest.param(b"username,password\n", "column 2 is none of disabled, email", id="password"),
        pytest.param(b"username,name,name\n", "names a column twice", id="column twice"),
        pytest.param(b'username\nada\n"bo"b\n', "begins in line 3 is no CSV", id="quote within"),
        pytest.param(b'username\nada\n"bob\n', "begins in line 3 is no CSV", id="open quote at the end"),
        pytest.param(b'username\nada\n"' + b"bob\n" * 1_000, "opened in line 3 is not closed", id="open quote"),
        pytest.param(b"username\nada\n" + LONG + b"\n", "in line 3 the line is longer", id="too long"),
    ],
)
def test_a_file_that_cannot_be_read_further_says_where(octets: bytes, told: str):
    read: list[Row] = []
    with pytest.raises(FileUnreadable) as refused:
        read.extend(read_rows(io.BytesIO(octets), CSV))
    assert told in refused.value.detail
    assert "secret" not in refused.value.detail


def test_what_was_read_before_the_fault_is_given():
    read = read_rows(io.BytesIO(b'username\nada\n"bob\n'), CSV)
    assert next(read) == Row(2, {"username": "ada"})


class Endless:
    """A file of one line without an end, as long as anybody reads it."""

    left = 10_000_000

    def readline(self, size: int, /) -> bytes:
        taken = min(size, self.left)
        self.left -= taken
        assert taken <= MAX_LINE_BYTES + 1
        return b"x" * taken


def test_a_line_without_an_end_is_read_in_pieces():
    assert list(read_rows(Endless(), JSON_LINES)) == [Row(1, {}, user_rows._TOO_LONG)]
