import pytest

from authsvc.protocol.client_assertion import trust_domain

DOMAIN = "spiffe://prod.example"


@pytest.mark.parametrize("path", ["/orders", "/ns/shop/sa/orders", "/a.b-c_d/..x/x..", "/..."])
def test_a_spiffe_id_tells_its_trust_domain(path):
    assert trust_domain(f"{DOMAIN}{path}") == DOMAIN


@pytest.mark.parametrize(
    "subject",
    [
        pytest.param("", id="nothing"),
        pytest.param(DOMAIN, id="no path"),
        pytest.param(f"{DOMAIN}/", id="empty path"),
        pytest.param(f"{DOMAIN}/x/", id="trailing slash"),
        pytest.param(f"{DOMAIN}//x", id="empty segment"),
        pytest.param(f"{DOMAIN}/./x", id="dot"),
        pytest.param(f"{DOMAIN}/x/..", id="two dots"),
        pytest.param(f"{DOMAIN}/x?y", id="query"),
        pytest.param(f"{DOMAIN}/x#y", id="fragment"),
        pytest.param(f"{DOMAIN}/x y", id="blank"),
        pytest.param(f"{DOMAIN}/x\n", id="line end"),
        pytest.param(f"{DOMAIN}/%41", id="escape"),
        pytest.param(f"{DOMAIN}/\u00e9", id="beyond ASCII"),
        pytest.param("spiffe:///x", id="no domain"),
        pytest.param("spiffe://prod.example:443/x", id="port"),
        pytest.param("spiffe://me@prod.example/x", id="user"),
        pytest.param("spiffe://Prod.example/x", id="domain in upper case"),
        pytest.param("SPIFFE://prod.example/x", id="scheme in upper case"),
        pytest.param("https://prod.example/x", id="another scheme"),
        pytest.param(f"x{DOMAIN}/x", id="something before"),
        pytest.param(f"spiffe://{'x' * 256}/x", id="overlong domain"),
        pytest.param(f"{DOMAIN}/{'x' * 2_048}", id="overlong"),
    ],
)
def test_what_is_no_spiffe_id_has_no_trust_domain(subject):
    assert trust_domain(subject) is None
