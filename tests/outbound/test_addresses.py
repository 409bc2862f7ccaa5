import pytest

from authsvc.domain.documents import FetchFailed
from authsvc.outbound.addresses import judge
from tests.outbound.ssrf_corpus import ALLOWED, FORBIDDEN_V4, FORBIDDEN_V6

OURS = ("10.0.0.1", "127.0.0.1", "172.31.255.254", "192.168.0.1", "100.64.0.1", "::1", "fd00::1")
METADATA = ("169.254.169.254", "100.100.100.200", "168.63.129.16", "192.0.0.192", "fd00:ec2::254", "fd20:ce::254")


@pytest.mark.parametrize("address", [*FORBIDDEN_V4, *FORBIDDEN_V6])
def test_an_address_that_is_not_public_is_refused(address: str):
    with pytest.raises(FetchFailed):
        judge([address], is_listed=False)


@pytest.mark.parametrize("address", ALLOWED)
def test_a_public_address_passes(address: str):
    assert judge([address], is_listed=False) == (address,)


@pytest.mark.parametrize("address", OURS)
def test_a_private_address_is_for_named_hosts_only(address: str):
    assert judge([address], is_listed=True) == (address,)
    with pytest.raises(FetchFailed):
        judge([address], is_listed=False)


@pytest.mark.parametrize(
    "address", [*METADATA, "0.0.0.0", "::", "224.0.0.1", "::ffff:10.0.0.1", "fe80::1", "fd00::1%eth0"]
)
def test_not_even_a_named_host_may_lead_to_metadata_and_the_like(address: str):
    with pytest.raises(FetchFailed):
        judge([address], is_listed=True)


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param([], id="none"),
        pytest.param(["1.1.1.1", "127.0.0.1"], id="one private, last"),
        pytest.param(["::1", "1.1.1.1"], id="one private, first"),
        pytest.param(["2606:4700:4700::1111%eth0"], id="zone"),
        pytest.param(["example.com"], id="no address"),
        pytest.param(["127.1"], id="short"),
        pytest.param([""], id="empty"),
    ],
)
def test_one_bad_address_condemns_the_whole_answer(answer: list[str]):
    with pytest.raises(FetchFailed):
        judge(answer, is_listed=False)
