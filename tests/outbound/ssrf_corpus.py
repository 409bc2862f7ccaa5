"""What must never be connected to: forbidden addresses, their spellings, and URLs that hide them. Data only."""

from collections.abc import Iterator
from ipaddress import IPv4Address, IPv6Address

FORBIDDEN_V4 = (
    "127.0.0.1", "127.0.0.53", "127.0.1.1", "127.1.2.3", "127.255.255.254", "0.0.0.0", "0.1.2.3", "10.0.0.1",
    "10.255.255.255", "100.64.0.1", "100.127.255.254", "100.100.100.200", "168.63.129.16", "169.254.0.1",
    "169.254.169.254", "169.254.170.2", "172.16.0.1", "172.31.255.254", "192.0.0.1", "192.0.0.192", "192.0.2.1",
    "192.88.99.1", "192.168.0.1", "192.168.255.254", "198.18.0.1", "198.19.255.254", "198.51.100.7", "203.0.113.9",
    "224.0.0.1", "239.255.255.255", "240.0.0.1", "255.255.255.255",
)  # fmt: skip
FORBIDDEN_V6 = (
    "::", "::1", "::2", "::ffff:0:0", "100::1", "100:0:0:1::1", "1::1", "4000::1", "5f00::1", "64:ff9b::808:808",
    "64:ff9b:1::1", "2001::1", "2001:2::1", "2001:10::1", "2001:20::1", "2001:1ff::1", "2001:db8::1", "2002::1",
    "2002:808:808::1", "3ffe::1", "3fff::1", "3fff:fff::1", "8000::1", "f000::1", "fc00::1", "fd00::1",
    "fd00:ec2::254", "fd20:ce::254", "fdff:ffff::1", "fe00::1", "fe80::1", "fe80::5efe:a00:1", "febf::1", "fec0::1",
    "feff::1", "ff00::1", "ff02::1", "ff0e::1", "2606:4700::5efe:7f00:1", "2606:4700::200:5efe:7f00:1",
)  # fmt: skip
ALLOWED = (
    "1.1.1.1", "8.8.8.8", "9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0", "126.255.255.255", "128.0.0.1",
    "169.253.255.255", "169.255.0.0", "172.15.255.255", "172.32.0.0", "192.0.1.1", "192.167.255.255", "192.169.0.0",
    "198.17.255.255", "198.20.0.0", "223.255.255.255", "2001:200::1", "2001:4860:4860::8888", "2606:4700:4700::1111",
    "2a00:1450:4001::8a", "2003::1", "3ffd::1",
)  # fmt: skip
NAMES = (
    "localhost", "LOCALHOST", "localhost.", "localhost.localdomain", "ip6-localhost", "ip6-loopback", "broadcasthost",
    "metadata", "metadata.google.internal.", "kubernetes", "127.0.0.1.", "127.0.0.1..", "0", "0x", "0x0", "1.",
    "127.0.0.1.nip.io.", "-.example.com", "a..example.com", ".example.com", "example.com..", "%31%32%37.0.0.1",
    "127.0.0.1%00.example.com", "127.0.0.1%2f.example.com", "127。0。0。1", "127.0.0。1", "127．0．0．1", "127｡0｡0｡1",
    "１２７.0.0.1", "①②⑦.⓪.⓪.①", "١٢٧.٠.٠.١", "१२७.०.०.१", "ⓛocalhost", "ｌｏｃａｌｈｏｓｔ", "localhoſt",
    "loc\u00adalhost", "local\u200bhost", "127.0.0.1\u200b", "[::1%25lo]", "[::1%lo]", "[fe80::1%25eth0]",
    "[fe80::1%eth0]", "[v1.fe80]", "[::1].", "[::1", "::1", "[]", "[[::1]]", "[::1]example.com", "[::ffff:127.0.0.1%1]",
    "[::ffff:127.1]", "[::ffff:0x7f.0.0.1]", "[::ffff:127.0.0.01]", "[0:0:0:0:0:0:0:0:1]", "[:::1]", "[::g]",
    "127.0.0.1,example.com", "127.0.0.1;example.com", "127.0.0.1 ", " 127.0.0.1", "127.0.0.1\t", "127.0.0.1\n",
    "127.0.0.1\r\nHost: example.com", "127.0.0.1\x00", "localhost\x00.example.com", "", "*", "example.com:80:",
)  # fmt: skip
HIDING_URLS = (
    "https://example.com@{there}/", "https://user:pass@{there}/", "https://{there}@example.com/",
    "https://example.com:443@{there}/", "https://a@b@{there}/", "https://@{there}/", "https://example.com%40{there}/",
    "https://example.com\\@{there}/", "https://{there}\\@example.com/", "https://{there}\\.example.com/",
    "https:\\\\{there}/", "https:/\\{there}/", "https:{there}/", "https:/{there}/", "https:///{there}/",
    "https:////{there}/", "//{there}/", "{there}", "{there}/jwks", "http://{there}/", "HTTP://{there}/", "hTTps://{there}/",
    "ws://{there}/", "wss://{there}/", "ftp://{there}/", "gopher://{there}/_x", "dict://{there}/x", "ldap://{there}/",
    "file:///etc/passwd", "file://{there}/etc/passwd", "data:application/json,{{}}", "jar:https://{there}/!/",
    "unix:///var/run/docker.sock", "http+unix://%2Fvar%2Frun%2Fdocker.sock/", "javascript:alert(1)", "about:blank",
    " https://{there}/", "\thttps://{there}/", "\nhttps://{there}/", "https://{there}/\r\nX: y", "https://{there}/ x",
    "https://{there}/#f", "https://{there}#@example.com/", "https://example.com#@{there}/", "https://{there}?@example.com/",
    "https://{there}/%zz", "https://{there}/é", "https://{there}:/", "https://{there}:0/", "https://{there}:00/",
    "https://127.0.0.1:0{port}/", "https://127.0.0.1:+{port}/", "https://127.0.0.1: {port}/", "https://127.0.0.1:-1/",
    "https://127.0.0.1:{port}.0/", "https://127.0.0.1:65536/", "https://127.0.0.1:999999/", "https://127.0.0.1:{port}a/",
    "https://127.0.0.1:22/", "https://127.0.0.1:25/", "https://127.0.0.1:80/", "https://", "https://:{port}/", "",
    "https://{there}/" + "a" * 2_048,
)  # fmt: skip


def spellings(address: str) -> Iterator[str]:
    """The hosts of URLs that mean one IPv4 address to some parser or network."""
    number = int(IPv4Address(address))
    a, b, c, d = octets = address.split(".")
    yield address
    yield str(number)
    yield hex(number)
    yield hex(number).upper().replace("0X", "0x")
    yield f"0{number:o}"
    yield ".".join(hex(int(octet)) for octet in octets)
    yield ".".join(f"0{int(octet):o}" for octet in octets)
    yield ".".join(f"{int(octet):03}" for octet in octets)
    yield f"0x{number & 0xFF_FFFF_FFFF:010x}"
    yield f"{a}.{b}.{int(c) * 256 + int(d)}"
    yield f"{a}.{(int(b) * 256 + int(c)) * 256 + int(d)}"
    yield f"0x{int(a):x}.{b}.0{int(c):o}.{d}"
    yield f"{address}."
    high, low = number >> 16, number & 0xFFFF
    yield f"[::ffff:{address}]"
    yield f"[::ffff:{high:x}:{low:x}]"
    yield f"[0:0:0:0:0:ffff:{high:04X}:{low:04X}]"
    yield f"[::{address}]"
    yield f"[::ffff:0:{high:x}:{low:x}]"
    yield f"[64:ff9b::{address}]"
    yield f"[64:ff9b:1::{high:x}:{low:x}]"
    yield f"[2002:{high:x}:{low:x}::1]"
    yield f"[2001:0:{high:x}:{low:x}::1]"
    yield f"[2001::{0xFFFF ^ high:x}:{0xFFFF ^ low:x}]"
    yield f"[2606:4700::5efe:{high:x}:{low:x}]"


def hosts() -> Iterator[str]:
    """Every forbidden host as it may stand in a URL."""
    for address in FORBIDDEN_V4:
        yield from spellings(address)
    for address in FORBIDDEN_V6:
        yield f"[{address}]"
        yield f"[{IPv6Address(address).exploded.upper()}]"
    yield from NAMES


def urls(port: int) -> Iterator[str]:
    """Every forbidden URL; `port` is one that somebody listens on, on all of loopback."""
    for host in dict.fromkeys(hosts()):
        yield f"https://{host}:{port}/jwks"
    for template in HIDING_URLS:
        yield template.format(there=f"127.0.0.1:{port}", port=port)


NAMED = {f"n{number}.rebound.example": address for number, address in enumerate((*FORBIDDEN_V4, *FORBIDDEN_V6))}
"""Innocent names, and the forbidden address that each leads to."""
