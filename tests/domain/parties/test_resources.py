from datetime import UTC, datetime

import pytest

from authsvc.domain.parties.resources import Resource, ResourceInvalid, check_resource

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def named(audience: str) -> Resource:
    return Resource(audience, "Orders", frozenset({"orders:read"}), "ES256", None, NOW)


@pytest.mark.parametrize("audience", ["https://orders.example", "https://o.example/a?b=%20", "urn:example:orders"])
def test_an_audience_is_an_absolute_uri(audience: str):
    assert check_resource(named(audience), ("ES256",)).audience == audience


@pytest.mark.parametrize(
    "audience",
    [
        pytest.param("orders", id="relative"),
        pytest.param("https://orders.example#x", id="fragment"),
        pytest.param("https://[", id="no URI"),
        pytest.param("https://orders.example ", id="space at the end"),
        pytest.param("https://orders.example\u2028", id="line separator"),
        pytest.param("https://orders.example\u202e", id="right-to-left override"),
        pytest.param("https://\u00f6rders.example", id="other alphabet"),
        pytest.param("https://orders.example/%zz", id="malformed escape"),
    ],
)
def test_any_other_audience_is_refused(audience: str):
    with pytest.raises(ResourceInvalid):
        check_resource(named(audience), ("ES256",))
