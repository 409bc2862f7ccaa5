"""URIs that no client may register anywhere: other schemes, hidden hosts, control characters, fragments. Data only."""

from collections.abc import Iterator

_SCHEMES = (
    "javascript", "data", "vbscript", "livescript", "file", "blob", "filesystem", "about", "view-source", "jar", "ftp",
    "ws", "wss", "gopher", "ldap", "mailto", "tel", "sms", "intent", "market", "urn", "cid", "chrome", "resource",
    "app", "ms-settings", "steam", "x", "http+unix", "httpss",
)  # fmt: skip
_TAILS = (
    ":alert(1)", "://shop.example/cb", "://shop.example/%0aalert(1)", ":/cb", ":", ":text/html,<script>alert(1)",
    "&colon;alert(1)", "%3Aalert(1)", "\t:alert(1)", ":\nalert(1)",
)  # fmt: skip
_HIDDEN = (
    "https://evil.example@shop.example/", "https://shop.example@evil.example/", "https://a@b@evil.example/",
    "https://user:pw@shop.example/", "https://@shop.example/", "https://:@shop.example/",
    "https://shop.example:@evil.example/", "https://shop.example%40evil.example/",
    "https://shop.example\\@evil.example/", "https://evil.example\\.shop.example/", "https:\\\\shop.example/",
    "https:/shop.example/", "https:shop.example/", "https:///shop.example/", "https:////shop.example/",
    "//shop.example/", "/cb", "cb", "?x", "", " ", "shop.example/cb", "https", "https:", "https://", "https:///",
    "https://:443/", "https://shop.example:/", "https://shop.example:0/", "https://shop.example:65536/",
    "https://shop.example:99999/", "https://shop.example:-1/", "https://shop.example:+443/",
    "https://shop.example:0443/", "https://shop.example:443:443/", "https://shop.example:a/", "https://.example/",
    "https://shop..example/", "https://-/", "https://*/", "https://*.example/", "https://shop.*/",
    "https://shop.example*/", "https://[::1/", "https://::1/", "https://[]/", "https://[::1%25lo]/",
    "https://[fe80::1%eth0]/", "https://[v1.x]/", "https://[[::1]]/", "https://[::1]shop.example/", "https://127.1/",
    "https://0x7f.1/", "https://2130706433/", "https://0177.0.0.1/", "https://127.0.0.01/", "https://1.2.3.4.5/",
    "https://256.1.1.1/", "https://shop.example%00/", "https://%73hop.example/", "https://shop%2eexample/",
    "https://shop.example%2f@evil.example/", "https://shop。example/", "https://shop．example/",
    "https://ｓhop.example/", "https://shöp.example/", "https://ѕhop.example/", "https://shop\u00adx.example/",
    "https://shop\u200b.example/", "https://shop.example\u2044cb", "HTTPS://shop.example/", "Https://shop.example/",
    "http://shop.example/", "http://evil.example/cb", "http://127.0.0.2/", "http://localhost.evil.example/",
    "http://[::ffff:127.0.0.1]/", "http://0.0.0.0/", "http://10.0.0.1/", "http://localhost@evil.example/",
    "http://127.0.0.1.evil.example/", "https://shop.example/%", "https://shop.example/%z", "https://shop.example/%0",
    "https://shop.example/%zz", "https://shop.example/" + "a" * 2_048, "https://" + "a" * 300 + ".example/",
    "https://" + "a" * 64 + ".example/", "https://shop.example/\ud800", "com.example.app:", "com.example.app:cb",
    "com.example.app:/cb#x", "com.example.app:/a@b", "com..app:/cb", ".app:/cb", "1com.app:/cb", "com.Example.app:/cb",
    "com.exämple:/cb", "com.example.app:///cb",
)  # fmt: skip
_CHARACTERS = (
    *map(chr, range(0x21)), "\x7f", "\x80", "\x85", "\xa0", "\xad", "\u1680", "\u2000", "\u200b", "\u200e", "\u2028",
    "\u2029", "\u202e", "\u2060", "\u3000", "\ufeff", "\ufffd", '"', "<", ">", "\\", "^", "`", "{", "|", "}", "é",
    "💥",
)  # fmt: skip
_FRAGMENTS = ("#", "#x", "#/", "#?", "#@evil.example", "/#", "/?#", "/#!", "/cb#access_token=x", "?a=b#c")


def hostile_uris() -> Iterator[str]:
    """Each of them, for every member that holds a URI."""
    for scheme in _SCHEMES:
        yield from (scheme + tail for tail in _TAILS)
    yield from _HIDDEN
    for character in _CHARACTERS:
        yield from (f"https://shop.example/a{character}b", f"https://shop{character}.example/")
        yield from (f"{character}https://shop.example/", f"https://shop.example/{character}")
        yield from (f"https{character}://shop.example/", f"https://shop.example/?a={character}")
    yield from (f"https://shop.example{fragment}" for fragment in _FRAGMENTS)
