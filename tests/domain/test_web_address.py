import pytest

from authsvc.domain.web_address import UrlInvalid, WebAddress, check_way, is_listed, read_url
from tests.outbound.ssrf_corpus import HIDING_URLS, NAMES

# Names like any other: what they lead to is for the judge of addresses.
READABLE = {
    "localhost", "localhost.localdomain", "ip6-localhost", "ip6-loopback", "broadcasthost", "metadata", "kubernetes",
}  # fmt: skip


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("https://host.example/jwks", WebAddress("https", "host.example", 443, "/jwks", is_literal=False)),
        ("https://HOST.Example", WebAddress("https", "host.example", 443, "/", is_literal=False)),
        ("https://h.example?a=b", WebAddress("https", "h.example", 443, "/?a=b", is_literal=False)),
        ("https://h.example:8443/%7Ea", WebAddress("https", "h.example", 8443, "/%7Ea", is_literal=False)),
        ("http://localhost:80/", WebAddress("http", "localhost", 80, "/", is_literal=False)),
        ("https://xn--bcher-kva.example/", WebAddress("https", "xn--bcher-kva.example", 443, "/", is_literal=False)),
        ("https://8.8.8.8/", WebAddress("https", "8.8.8.8", 443, "/", is_literal=True)),
        ("https://[2606:4700:0:0::1]/", WebAddress("https", "2606:4700::1", 443, "/", is_literal=True)),
    ],
)
def test_a_url_is_read(url: str, address: WebAddress):
    assert read_url(url) == address


@pytest.mark.parametrize("host", [name for name in NAMES if name.lower() not in READABLE])
def test_what_some_parser_would_repair_is_refused(host: str):
    with pytest.raises(UrlInvalid):
        read_url(f"https://{host}/")


@pytest.mark.parametrize("template", HIDING_URLS)
def test_no_hidden_host_is_found(template: str):
    url = template.format(there="127.0.0.1:8443", port=8443)
    try:
        address = read_url(url)
        check_way(address, frozenset())
    except UrlInvalid:
        return
    # It says openly where it leads: the judge of addresses sees it.
    assert (address.host, address.is_literal) == ("127.0.0.1", True)


@pytest.mark.parametrize(
    "url",
    [
        pytest.param("http://host.example/", id="no TLS"),
        pytest.param("http://host.example:8080/", id="no TLS on a port that may be asked"),
        pytest.param("https://host.example:22/", id="the port of another service"),
        pytest.param("https://host.example:80/", id="the port of plain http"),
        pytest.param("https://intranet/", id="no dot"),
    ],
)
def test_some_ways_are_for_named_hosts_only(url: str):
    address = read_url(url)
    with pytest.raises(UrlInvalid):
        check_way(address, frozenset())
    check_way(address, frozenset({address.host}))
    check_way(address, frozenset({address.authority}))


@pytest.mark.parametrize(
    ("url", "entry", "listed"),
    [
        pytest.param("https://h.example/", "h.example", True, id="host"),
        pytest.param("https://h.example/", "h.example:443", True, id="host and port"),
        pytest.param("https://h.example:8443/", "h.example:443", False, id="other port"),
        pytest.param("https://a.h.example/", "h.example", False, id="name below"),
        pytest.param("https://h.example.org/", "h.example", False, id="longer name"),
        pytest.param("https://[::1]:8443/", "[::1]", True, id="IPv6"),
        pytest.param("https://[::1]:8443/", "[::1]:8443", True, id="IPv6 and port"),
    ],
)
def test_a_named_host_is_that_host_alone(url: str, entry: str, listed: bool):
    assert is_listed(read_url(url), frozenset({entry})) is listed
