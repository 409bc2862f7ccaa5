import pytest

from authsvc.domain.parties.browser_uris import check_browser_uri
from authsvc.domain.web_address import UrlInvalid


@pytest.mark.parametrize(
    "uri",
    [
        "https://shop.example/cb",
        "https://shop.example",
        "https://SHOP.example:8443/cb?a=b&c=%20d",
        "https://192.0.2.1/cb",
        "http://localhost:3000/callback",
        "http://127.0.0.1/cb",
        "http://[::1]:8080/cb",
        "https://shop.example/" + "a" * 2_027,
    ],
)
@pytest.mark.parametrize("is_native", [False, True], ids=["web", "native"])
def test_a_uri_of_the_web_is_https_or_on_this_machine(uri: str, is_native: bool):
    check_browser_uri(uri, is_native=is_native)


@pytest.mark.parametrize("uri", ["com.example.app:/cb", "com.example.app://cb/path?x=y", "io.x-y+z.a1:/oauth2redirect"])
def test_a_native_client_may_have_a_scheme_of_its_own_and_a_web_client_may_not(uri: str):
    check_browser_uri(uri, is_native=True)
    with pytest.raises(UrlInvalid):
        check_browser_uri(uri, is_native=False)


HOSTILE = [
    "", "/cb", "//shop.example/cb", "shop.example/cb", "https:shop.example", "https:/shop.example", "https:///cb",
    "http://shop.example/cb", "http://127.0.0.2/cb", "http://127.1/cb", "http://0/cb", "http://localhost.evil.example/",
    "http://[::ffff:127.0.0.1]/cb", "http://[::1%25lo]/cb", "http://2130706433/cb",
    "https://shop.example/cb#", "https://shop.example/cb#frag", "https://shop.example/*", "https://*.example/cb",
    "https://user@shop.example/cb", "https://user:pw@shop.example/", "https://@shop.example/", "https://a@b@c.example/",
    "https://shop.example\\@evil.example/",
    "https:\\\\shop.example", "https://shop.example/\\..", "https://shop example/",
    "https://shop.example/c b", "https://shop.example/\tcb", "https://shop.example/\ncb", "\nhttps://shop.example/",
    "https://shop.example/\r\nSet-Cookie:x", "https://shop.example/\x00", "https://shop.example/%",
    "https://shop.example/%zz",
    "https://shop。example/cb", "https://shöp.example/", "https://shop.example/é", "https://shop.example:0/",
    "https://shop.example:99999/", "https://shop.example:/", "https://shop.example/<script>", 'https://shop.example/"',
    "https://shop.example/{x}", "https://shop.example/|", "https://shop.example/`", "https://[::1/", "https://.example/",
    "https://shop..example/", "HTTPS://shop.example/", " https://shop.example/", "https://shop.example/ ",
    "https://shop.example/" + "a" * 2_028,
    "javascript:alert(1)", "JavaScript:alert(1)", "javascript://shop.example/%0aalert(1)", "java\nscript:alert(1)",
    "data:text/html,x", "vbscript:x", "file:///etc/passwd", "blob:https://shop.example/x", "about:blank",
    "mailto:a@b.example",
    "ftp://shop.example/", "ws://shop.example/", "app:/cb", "urn:ietf:wg:oauth:2.0:oob", "intent://x#Intent;end",
    "com.example.app:cb", "com.example.app:", "com.example.app:/", "com.example.app:///cb", "com.example.app:/cb#x",
    "com.example.app:/a@b", "com.example.app:/*", "com.example.app:/\ncb", "com.example.app:/é", "com.example.app:/\\x",
    ".app:/cb", "com.:/cb", "com..app:/cb", "1com.example:/cb", "com.Example.App:/cb", "com.exämple:/cb",
    "com.example.app:/" + "a" * 2_048,
]  # fmt: skip


@pytest.mark.parametrize("uri", HOSTILE, ids=range(len(HOSTILE)))
@pytest.mark.parametrize("is_native", [False, True], ids=["web", "native"])
def test_a_uri_that_could_be_read_two_ways_or_is_of_another_kind_is_refused(uri: str, is_native: bool):
    with pytest.raises(UrlInvalid):
        check_browser_uri(uri, is_native=is_native)
