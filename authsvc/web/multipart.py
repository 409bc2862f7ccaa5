"""The one file of a multipart/form-data body (RFC 7578), as its pieces come in."""

from typing import Any

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from authsvc.web.errors import HttpError

MAX_HEADERS = 8
MAX_HEADER_BYTES = 4_096


class FilePart:
    """Fed with the body, gives the file. `media_type` and `file_name` are what the client says of it, unproved."""

    def __init__(self, content_type: str) -> None:
        """Raises: HttpError 400 without a boundary."""
        _, options = parse_options_header(content_type)
        self.media_type = self.file_name = ""
        self._is_whole = False
        self._parts = 0
        self._header = (bytearray(), bytearray())
        self._content = bytearray()
        try:
            self._parser = MultipartParser(
                options[b"boundary"], self._callbacks(), max_header_count=MAX_HEADERS, max_header_size=MAX_HEADER_BYTES
            )
        except (KeyError, FormParserError):
            raise HttpError(400, "The multipart body has no boundary that can be used.") from None

    def feed(self, piece: bytes) -> bytes:
        """Return what of the file is in this piece. Raises: HttpError 400."""
        self._content.clear()
        try:
            self._parser.write(piece)
        except FormParserError:
            raise HttpError(400, "The body is no multipart/form-data that can be read.") from None
        return bytes(self._content)

    def finish(self) -> None:
        """Raise HttpError 400 unless the body was whole and had a file."""
        if not self._is_whole:
            raise HttpError(400, "The multipart body ends before its last boundary.")
        if not self._parts:
            raise HttpError(400, "Send one file: the multipart body has no part.")

    def _callbacks(self) -> Any:  # noqa: ANN401 - the parser has no name for it at run time
        name, value = self._header
        return {
            "on_part_begin": self._begin,
            "on_header_field": lambda data, start, end: name.extend(data[start:end]),
            "on_header_value": lambda data, start, end: value.extend(data[start:end]),
            "on_header_end": self._take_header,
            "on_headers_finished": self._check_headers,
            "on_part_data": lambda data, start, end: self._content.extend(memoryview(data)[start:end]),
            "on_end": self._end,
        }

    def _begin(self) -> None:
        self._parts += 1
        if self._parts > 1:
            raise HttpError(400, "Send the file alone: options stand in the query.")

    def _take_header(self) -> None:
        (name, value), text = self._header, bytes(self._header[1])
        if bytes(name).lower() == b"content-type":
            self.media_type = parse_options_header(text)[0].decode("latin-1").lower()
        elif bytes(name).lower() == b"content-disposition":
            self.file_name = parse_options_header(text)[1].get(b"filename", b"").decode("latin-1")
        name.clear()
        value.clear()

    def _check_headers(self) -> None:
        if not self.file_name:
            raise HttpError(400, "Send one file: the part has no file name.")

    def _end(self) -> None:
        self._is_whole = True
