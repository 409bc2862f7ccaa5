import io

import pytest

from authsvc.domain.people import chunked_file
from authsvc.domain.people.chunked_file import ChunkedFile
from authsvc.domain.people.user_rows import CSV, JSON_LINES, Mark, Row, read_rows, read_rows_after

CONTENT = {
    CSV: b'\xef\xbb\xbfusername,name\nada,A\n\n"eve","E\n\nE"\r\nbob,B\n\xff,C\nx,y,z\nlast,L',
    JSON_LINES: b'\xef\xbb\xbf{"username": "ada"}\n\n{"username": "eve"}\r\n\xff\n[]\n{"username": "last"}',
}


@pytest.mark.parametrize("form", CONTENT)
@pytest.mark.parametrize("size", [1, 2, 7, 64])
def test_it_reads_as_the_whole_file_does_wherever_it_is_taken_up_again(
    monkeypatch: pytest.MonkeyPatch, form: str, size: int
):
    monkeypatch.setattr(chunked_file, "CHUNK_BYTES", size)
    content = CONTENT[form]

    def opened(mark: Mark) -> ChunkedFile:
        return ChunkedFile(lambda ordinal: content[ordinal * size : (ordinal + 1) * size], len(content), mark)

    found: list[Row] = []
    mark = Mark()
    while True:
        file = opened(mark)
        row = next(read_rows_after(file, form, mark), None)
        if row is None:
            break
        found.append(row)
        mark = file.mark
    assert found == list(read_rows(io.BytesIO(content), form))
    assert len(found) > 4
    assert mark.position == len(content)


def test_a_line_is_read_in_part_where_it_is_longer_than_asked(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(chunked_file, "CHUNK_BYTES", 4)
    content = b"0123456789\nab"
    file = ChunkedFile(lambda ordinal: content[ordinal * 4 : ordinal * 4 + 4], len(content), Mark())
    assert [file.readline(6) for _ in range(4)] == [b"012345", b"6789\n", b"ab", b""]
    assert file.mark == Mark(13, 1)
    with pytest.raises(ValueError, match="mark"):
        file.seek(3)
