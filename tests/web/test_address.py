"""Whose address counts: the socket peer's, unless a listed proxy names another (THREATS C: X-Forwarded-For)."""

import pytest

from authsvc.web.address import UNKNOWN, caller_address, parse_networks

PROXIES = parse_networks(["10.0.0.0/8", "192.0.2.7", "2001:db8:1::/48"])


@pytest.mark.parametrize(
    ("peer", "forwarded", "address"),
    [
        pytest.param("198.51.100.1", None, "198.51.100.1", id="no proxy"),
        pytest.param("198.51.100.1", "203.0.113.9", "198.51.100.1", id="a stranger names another"),
        pytest.param("10.1.2.3", None, "10.1.2.3", id="a proxy that names nobody"),
        pytest.param("10.1.2.3", "203.0.113.9", "203.0.113.9", id="a proxy"),
        pytest.param("192.0.2.7", "203.0.113.9", "203.0.113.9", id="a proxy listed alone"),
        pytest.param("192.0.2.8", "203.0.113.9", "192.0.2.8", id="its neighbour is not"),
        pytest.param("10.1.2.3", "6.6.6.6, 203.0.113.9", "203.0.113.9", id="the caller's own word stands left"),
        pytest.param("10.1.2.3", "203.0.113.9, 10.4.5.6", "203.0.113.9", id="two proxies"),
        pytest.param("10.1.2.3", "6.6.6.6, 203.0.113.9,10.4.5.6", "203.0.113.9", id="two proxies and a lie"),
        pytest.param("10.1.2.3", "10.9.9.9", "10.9.9.9", id="all are proxies"),
        pytest.param("10.1.2.3", "nonsense", "10.1.2.3", id="no address"),
        pytest.param("10.1.2.3", "203.0.113.9, nonsense", "10.1.2.3", id="no address on the right"),
        pytest.param("10.1.2.3", "nonsense, 203.0.113.9", "203.0.113.9", id="no address on the left"),
        pytest.param("10.1.2.3", "203.0.113.9:4711", "10.1.2.3", id="with a port"),
        pytest.param("10.1.2.3", "", "10.1.2.3", id="empty"),
        pytest.param("10.1.2.3", ", ,", "10.1.2.3", id="commas"),
        pytest.param("::ffff:10.1.2.3", "203.0.113.9", "203.0.113.9", id="a mapped proxy"),
        pytest.param("::ffff:198.51.100.1", "203.0.113.9", "198.51.100.1", id="a mapped stranger"),
        pytest.param("2001:db8:1::5", "2001:DB8:2:0::1", "2001:db8:2::1", id="one spelling for each address"),
        pytest.param("unix", "203.0.113.9", UNKNOWN, id="a peer without an address"),
        pytest.param(None, "203.0.113.9", UNKNOWN, id="no peer"),
    ],
)
def test_the_callers_address(peer, forwarded, address):
    assert caller_address(peer, forwarded, PROXIES) == address


def test_without_listed_proxies_the_header_counts_for_nothing():
    assert caller_address("10.1.2.3", "203.0.113.9", ()) == "10.1.2.3"


@pytest.mark.parametrize("entry", ["proxy.example", "10.0.0.1/8", "10.0.0.0/33", ""])
def test_a_proxy_is_an_address_or_a_network(entry):
    with pytest.raises(ValueError):  # noqa: PT011 - the words are the library's
        parse_networks([entry])
