# ruff: noqa: E501 - tables are read by rows
"""Thousands of URIs that look like a registered one to somebody: to a prefix match, a parser, a browser, a person."""

import re
from collections.abc import Iterator

WEB, LOOPBACK, LOOPBACK_6, APP = (
    "https://rp.example/cb",
    "http://127.0.0.1:8000/cb",
    "http://[::1]/cb",
    "com.example.app:/cb",
)
REGISTERED = (WEB, LOOPBACK, LOOPBACK_6, APP)
"""A client with one of each kind."""
EVIL = "evil.example"
_ODD = ("\t", "\n", "\r", "\0", " ", "\\", "@", "#", "?", "%", "%00", "%0d%0a", "%2f", "%252f", "%5c", ";", "..;/", "/../", "*",
        "\u3002", "\uff0e", "\uff61", "\u200b", "\u202e", "\u0131", "\uff0f", "\u2044", "\u00ad")  # fmt: skip
_DOMAIN = re.compile(r"rp\.example|127\.0\.0\.1|\[::1\]")


def hostile_uris() -> list[str]:
    """All of them, each once; none is registered, nor a loopback address with another port."""
    found = dict.fromkeys((*_by_character(), *_hosts(), *_paths(), *_schemes(), *_loopbacks(), *_strangers()))
    return [uri for uri in found if uri and uri not in REGISTERED and not _is_other_port(uri)]


def _by_character() -> Iterator[str]:
    for uri in REGISTERED:
        for place in range(len(uri) + 1):
            yield from (uri[:place] + odd + uri[place:] for odd in _ODD)
            if place < len(uri):
                one = uri[place]
                yield from (uri[:place] + other + uri[place + 1 :] for other in (
                    "", one.swapcase(), f"%{ord(one):02x}", f"%25{ord(one):02x}", chr(ord(one) + 0xFEE0)))  # fmt: skip


def _hosts() -> Iterator[str]:
    for host in ("rp.example", "127.0.0.1", "[::1]"):
        for scheme in ("https", "http"):
            yield from (f"{scheme}://{changed}/cb" for changed in (
                f"{host}@{EVIL}", f"{EVIL}@{host}", f"{host}:443@{EVIL}", f"{host}%40{EVIL}", f"{host}@{host}@{EVIL}",
                f"{EVIL}@{host}@{host}", f"{EVIL}:x@{host}", f"@{host}", f":@{host}", f"{host}.{EVIL}", f"{EVIL}.{host}",
                f"evil{host}", f"{host}.", f".{host}", f"www.{host}", f"{host}%2e{EVIL}", f"{host}\\@{EVIL}",
                f"{EVIL}\\@{host}", f"{EVIL}#@{host}", f"{EVIL}?@{host}", f"{EVIL}/@{host}", f"{EVIL};@{host}",
                f"{host}#{EVIL}", f"{host}\\.{EVIL}", f"{host}&@{EVIL}", f"{host}:443", f"{host}:80", f"{host}:0",
                f"{host}:", f"{host}:65536", f"{host}:8443", f"{host}:evil", f"{host}: 443", f"{host},{EVIL}",
                f"{host} {EVIL}", f"[{host}]", f"{host}%00.{EVIL}", f"{host}%0a.{EVIL}", f"{host}%09.{EVIL}",
            ))  # fmt: skip


def _paths() -> Iterator[str]:
    for uri in REGISTERED:
        yield from (uri + more for more in (
            "/", "//", "/.", "/..", "/../", "/../evil", "/..;/evil", "/%2e%2e/evil", "/%2e%2e%2fevil", "/..%2fevil",
            "/..%252fevil", "/..\\evil", "\\..\\evil", "?", "?x=1", "?redirect=https://evil.example", "#", "#x", "#/../x",
            "&x=1", ";x", ";jsessionid=1", "%", "%20", "%00", "%00.evil", ".evil", ".html", "evil", "b", "*", "+", ",",
            f"@{EVIL}", f"//{EVIL}", f"/../../{EVIL}", f"%0d%0aLocation:%20https://{EVIL}", f"\r\nLocation: https://{EVIL}",
        ))  # fmt: skip
        yield from (uri.replace("/cb", changed) for changed in (
            "", "/", "//cb", "/./cb", "/x/../cb", "/%63b", "/%63%62", "/cB", "/CB", "/cb/cb", "/c", "/cbx", "/x/cb", "\\cb",
            "/\\cb", f"/{EVIL}/cb", f"//{EVIL}/cb", f"/\\{EVIL}/cb", f"@{EVIL}/cb", f".{EVIL}/cb", f":@{EVIL}/cb",
        ))  # fmt: skip


def _schemes() -> Iterator[str]:
    for rest in ("rp.example/cb", "127.0.0.1:8000/cb", EVIL):
        yield from (f"{scheme}{rest}" for scheme in (
            "//", "///", "/", "\\\\", "", "http:", "https:", "https:/", "https:///", "https:\\\\", "HTTPS://", "hTTps://",
            "https://https://", "ftp://", "file://", "ws://", "wss://", "javascript://", "JavaScript://", "data:text/html,",
            "vbscript:", "blob:https://", "filesystem:https://", "view-source:https://", "about:", "intent://", " https://",
            "\thttps://", "\0https://", "https ://", "https:// ", "jav\tascript:", "\ufeffhttps://", "x:",
        ))  # fmt: skip
    yield from ("javascript:alert(1)", "javascript:alert(1)//rp.example/cb", "data:text/html,<script>alert(1)</script>",
                "com.example.app:", "com.example.app://cb", "com.example.app:/cb/", "com.example.app:cb", "com.example:/cb",
                "COM.example.app:/cb", "com.example.app.evil:/cb", "evil.com.example.app:/cb")  # fmt: skip


def _loopbacks() -> Iterator[str]:
    for host in ("localhost", "127.1", "127.0.1", "127.0.0.2", "127.000.000.001", "0x7f.0.0.1", "0x7f000001", "2130706433",
                 "017700000001", "0.0.0.0", "0", "[::]", "[::1%25lo]", "[::1%lo]", "[0:0:0:0:0:0:0:1]", "[::0:1]", "[::ffff:127.0.0.1]",
                 "[::ffff:7f00:1]", "[::1].evil.example", "127.0.0.1.evil.example", "127.0.0.1.nip.io", "localhost.evil.example",
                 "127\u30020\u30020\u30021", "\u2460\u2461\u2466.0.0.1", "user@127.0.0.1", "[::1", "::1", "127.0.0.1%00", "127.0.0.1%2f"):  # fmt: skip
        for port in ("", ":8000", ":8001", ":80"):
            yield f"http://{host}{port}/cb"
            yield f"https://{host}{port}/cb"
    for host in ("127.0.0.1", "[::1]"):
        yield from (f"http://{host}:{port}/cb" for port in (
            "", "0", "00", "08000", "65536", "99999", "-1", "+1", "8000:9000", "8000x", "x8000", "\u0668\u0660", "8000 ",
            " 8000", "8000%20", "8000@evil.example", "@evil.example", "80/evil", "80/..", "80\\@evil.example", "1e3", "0x50",
        ))  # fmt: skip
        yield from (f"http://{host}:9999{path}" for path in (
            "", "/", "/cb/", "/cb?x=1", "/cb#x", "/CB", "/cb/../cb", "/other", "//cb", "/%63b", "?/cb", "#/cb", "/cb ",
        ))  # fmt: skip
        yield from (f"{scheme}://{host}:9999/cb" for scheme in ("https", "HTTP", "ws", "ftp"))


def _strangers() -> Iterator[str]:
    yield from (f"https://{EVIL}", f"https://{EVIL}/cb", f"https://{EVIL}/?https://rp.example/cb", f"https://{EVIL}/https://rp.example/cb",
                f"https://{EVIL}#https://rp.example/cb", "null", "undefined", "0", "*", "https://*", "https://*.example/cb",
                "^https://rp.example/cb$", "https://rp.example/c.", "urn:ietf:wg:oauth:2.0:oob", "urn:ietf:wg:oauth:2.0:oob:auto",
                "https://rp.example/cb https://evil.example", "https://rp.example/cb,https://evil.example", WEB * 2, WEB + "x" * 5_000,
                "{}", "[]", "'\"><script>alert(1)</script>", "..", "/cb", "?code=1", "#", " ", "%", "\ud7ff", "https://\u202eelpmaxe.live/cb")  # fmt: skip


def _is_other_port(uri: str) -> bool:
    """What RFC 8252 §7.3 allows, said in another way than the code says it."""
    for host, path in (("http://127.0.0.1", "/cb"), ("http://[::1]", "/cb")):
        middle = uri[len(host) : -len(path)] if uri.startswith(host) and uri.endswith(path) else None
        if middle == "" or (middle and middle[0] == ":" and middle[1:] in _PORTS):
            return True
    return False


_PORTS = frozenset(map(str, range(1, 65_536)))
