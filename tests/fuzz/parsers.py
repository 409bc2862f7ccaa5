"""Fuzz our own parsers, guided by coverage (atheris): `python tests/fuzz/parsers.py NAME [-runs=N] [-max_len=N] ...`.

Each target feeds octets to one parser. Whatever it is given, a parser answers with a value or with the refusal that its
docstring names; and what it takes holds what is asserted here. Anything else ends the run, with the input that did it.
Seeds show what is accepted: most of these parsers are regular expressions, into which coverage does not look.
"""

import base64
import json
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import atheris
import httptools

with atheris.instrument_imports(include=["authsvc"]):
    from authsvc.crypto import hash_formats, jws, strict_json
    from authsvc.crypto.errors import CryptoError
    from authsvc.domain.parties.browser_uris import check_browser_uri
    from authsvc.domain.web_address import UrlInvalid, read_url
    from authsvc.protocol.authorize.claims import read_claims
    from authsvc.protocol.authorize.redirect_uri import is_registered
    from authsvc.protocol.client_auth import client_secret_basic
    from authsvc.protocol.errors import InvalidClient, InvalidRequest
    from authsvc.web import forms, glance
    from authsvc.web.errors import HttpError
    from authsvc.web.languages import LANGUAGES, choose_language
    from authsvc.web.multipart import FilePart

REGISTERED = (
    "https://shop.example/callback?tenant=a", "http://127.0.0.1/callback", "http://[::1]/callback?x",
    "com.example.shop:/cb",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class WithHeader:
    """What the parser of the Basic scheme sees of a request."""

    authorization: str


def form(data: bytes) -> None:
    try:
        fields = forms.parse_form(data)
    except InvalidRequest:
        return
    for name, values in fields.items():
        assert values
        assert all(values), "an empty value counts as absent"
        for text in (name, *values):
            text.encode()
            assert "\x00" not in text


def json_body(data: bytes) -> None:
    for parse in (forms.json_fields, forms.checked_json):
        try:
            content = parse(data)
        except InvalidRequest:
            continue
        json.dumps(content, allow_nan=False).encode()


def basic(data: bytes) -> None:
    for header in (data.decode("latin-1"), f"Basic {base64.b64encode(data).decode()}"):
        try:
            found = client_secret_basic.presented(WithHeader(header))  # type: ignore[arg-type]
        except InvalidClient:
            continue
        assert found is not None
        assert found.client_id
        assert found.presented_secret


def jws_header(data: bytes) -> None:
    segment = base64.urlsafe_b64encode(data).rstrip(b"=").decode()
    for token in (data.decode("latin-1"), f"{segment}.e30.AAAA", f"eyJhbGciOiJFUzI1NiJ9.{segment}.AAAA"):
        try:
            said = jws.peek(token)
        except CryptoError:
            continue
        assert said.algorithm.lower() != "none"
        assert isinstance(said.claims, dict)


def redirect_uri(data: bytes) -> None:
    presented = data.decode("utf-8", "surrogateescape")
    if not is_registered(presented, REGISTERED) or presented in REGISTERED:
        return
    parts = urlsplit(presented)
    assert parts.scheme == "http"
    assert parts.hostname in {"127.0.0.1", "::1"}
    assert parts.username is parts.password is None
    assert parts._replace(netloc=parts.netloc.rpartition(":")[0]).geturl() in REGISTERED or parts.port is None


def browser_uri(data: bytes) -> None:
    uri = data.decode("utf-8", "surrogateescape")
    for is_native in (False, True):
        try:
            check_browser_uri(uri, is_native=is_native)
        except UrlInvalid:
            continue
        assert uri.isascii()
        assert uri.isprintable()
        assert urlsplit(uri).geturl() == uri or "?" in uri or uri.endswith("/")
        assert urlsplit(uri).scheme not in {"javascript", "data", "file", "blob", "vbscript"}


def url(data: bytes) -> None:
    text = data.decode("utf-8", "surrogateescape")
    try:
        address = read_url(text)
    except UrlInvalid:
        return
    parts = urlsplit(text)
    assert (parts.scheme, parts.hostname) == (address.scheme, parts.hostname)
    assert parts.username is None
    # A lenient parser must not see another host.
    assert address.is_literal or parts.hostname == address.host


def claims(data: bytes) -> None:
    try:
        read_claims(data.decode("utf-8", "surrogateescape"))
    except InvalidRequest:
        return


def strict(data: bytes) -> None:
    try:
        value = strict_json.parse_object(data)
    except ValueError:
        return
    assert json.loads(data) == value
    json.dumps(value, allow_nan=False).encode()


def language(data: bytes) -> None:
    text = data.decode("latin-1")
    assert choose_language(text, text) in tuple(LANGUAGES.values() if isinstance(LANGUAGES, dict) else LANGUAGES)


def password_hash(data: bytes) -> None:
    try:
        hash_formats.recognise(data.decode("utf-8", "surrogateescape"))
    except CryptoError:
        return


def glance_at(data: bytes) -> None:
    post = glance.whole_post(data)
    if post is None:
        return
    read = Read()
    try:
        read.feed(data)
    except httptools.HttpParserError:
        return  # It is refused at a glance, as it would be otherwise.
    assert read.is_whole
    assert read.target.partition(b"?")[0] == post.path.rstrip(b" ")
    assert read.body == post.body


class Read:
    """What the server's own parser makes of the same octets."""

    def __init__(self) -> None:
        self.target = self.body = b""
        self.is_whole = False

    def feed(self, data: bytes) -> None:
        httptools.HttpRequestParser(self).feed_data(data)

    def on_url(self, url: bytes) -> None:
        self.target += url

    def on_body(self, body: bytes) -> None:
        self.body += body

    def on_message_complete(self) -> None:
        assert not self.is_whole, "a second request"
        self.is_whole = True


def multipart(data: bytes) -> None:
    at_once, in_bits = (uploaded(data, size) for size in (max(1, len(data)), 1))
    # What stands before the first boundary is borne by the library or not, as it comes.
    assert None in {at_once, in_bits} or at_once == in_bits


def uploaded(data: bytes, size: int) -> tuple[bytes, str, str] | None:
    part, content = FilePart("multipart/form-data; boundary=b"), b""
    try:
        for at in range(0, len(data), size):
            content += part.feed(data[at : at + size])
        part.finish()
    except HttpError:
        return None
    return content, part.media_type, part.file_name


POST = "POST /token HTTP/1.1\r\nHost: a.example\r\n"
FORM = "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 3\r\n"
PART = '--b\r\nContent-Disposition: form-data; name="f"; filename="u"\r\nContent-Type: text/csv\r\n\r\na\r\n--b--\r\n'
HASHES = (
    "$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHRzb21lc2FsdA$RdescudvJCsgt3ub+b4dWRWJTmaaJObG", "$2b$12$" + "a" * 53,
    "pbkdf2_sha256$600000$salt$" + "a" * 43 + "=", "$scrypt$ln=16,r=8,p=1$aM15713r3Xsvxbi31lqr1Q$" + "n" * 43,
)  # fmt: skip
TARGETS: dict[str, tuple[Callable[[bytes], None], tuple[str, ...]]] = {
    "form": (form, ("a=b&c=%41+d", "grant_type=client_credentials&scope=a%20b")),
    "json": (json_body, ('{"a": "b", "c": ["d", "\\u00e9"]}',)),
    "basic": (basic, ("client:secret", "Basic YTpi", "a%20b:c+d")),
    "jws": (jws_header, ('{"alg":"ES256","typ":"at+jwt","kid":"k"}', '{"alg":"HS256","crit":["b64"],"b64":false}')),
    "redirect-uri": (redirect_uri, (*REGISTERED, "http://127.0.0.1:8080/callback", "http://[::1]:1/callback?x")),
    "browser-uri": (browser_uri, (*REGISTERED, "https://a.example:444/%41?b#c", "javascript:alert(1)")),
    "url": (url, ("https://a.example/b?c=%20", "http://[::ffff:1.2.3.4]:80/", "https://0x7f.1/", "https://a@b.c/")),
    "claims": (claims, ('{"id_token":{"acr":{"essential":true,"values":["a"]}},"userinfo":{"email":null}}',)),
    "strict-json": (strict, ('{"a":[1,-2.5e3,true,null,{"b":"\\ud83d\\ude00"}]}', '{"a":1e400}', '{"a":NaN}')),
    "language": (language, ("de-CH;q=0.9, en;q=0.8,*;q=0.1", "ar fr")),
    "password-hash": (password_hash, HASHES),
    "glance": (glance_at, (f"{POST}{FORM}\r\na=b", f"{POST}Connection: keep-alive\r\n{FORM}X: y\r\n\r\na=b")),
    "multipart": (multipart, (PART, PART.replace("--b--", "--b"))),
}


def main() -> None:
    """Fuzz the named target until -runs inputs were tried, or one fails."""
    if sys.argv[1:] == ["--list"]:
        print(*TARGETS)
        return
    if len(sys.argv) < 2 or sys.argv[1] not in TARGETS:
        sys.exit(f"name one of: {', '.join(TARGETS)}")
    target, seeds = TARGETS[sys.argv[1]]
    with tempfile.TemporaryDirectory() as corpus:
        for number, seed in enumerate(seeds):
            Path(corpus, str(number)).write_text(seed)
        atheris.Setup([sys.argv[0], *sys.argv[2:], corpus], target)
        atheris.Fuzz()


if __name__ == "__main__":
    main()
