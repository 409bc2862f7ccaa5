import re
from collections.abc import Iterator

import pytest

from authsvc.domain import ports
from authsvc.observe.metrics import Metrics, create_metrics


@pytest.fixture
def metrics() -> Iterator[Metrics]:
    made = create_metrics("1.2.3", ["token", "login"])
    yield made
    made.close()


def _samples(metrics: Metrics) -> dict[str, float]:
    lines = metrics.render().decode().splitlines()
    return {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines if line[0] != "#")}


def test_every_metric_is_counted_under_its_name(metrics) -> None:
    metrics.request("token", 200, 0.0031)
    metrics.request("token", 200, 0.005)
    metrics.request("login", 429, 99.0)
    metrics.token_issued("client_credentials")
    metrics.refusal("token", "invalid_client")
    metrics.login("wrong_password")
    metrics.lane_queue_depth("people", 7)
    metrics.lane_queue_depth("people", 3)
    metrics.lane_rejected("people")
    metrics.hashed(0.018)
    metrics.storage_error()
    metrics.cache_hit("clients")
    metrics.cache_miss("clients")
    metrics.rate_limit_failure()
    metrics.mail_sent("failed")
    samples = _samples(metrics)
    assert samples.items() >= {
        'authsvc_requests_total{endpoint="token",status="200"}': 2,
        'authsvc_requests_total{endpoint="login",status="429"}': 1,
        'authsvc_request_seconds_bucket{endpoint="token",le="0.0025"}': 0,
        'authsvc_request_seconds_bucket{endpoint="token",le="0.005"}': 2,
        'authsvc_request_seconds_bucket{endpoint="login",le="10.0"}': 0,
        'authsvc_request_seconds_bucket{endpoint="login",le="+Inf"}': 1,
        'authsvc_request_seconds_count{endpoint="token"}': 2,
        'authsvc_request_seconds_sum{endpoint="token"}': 0.0081,
        'authsvc_tokens_issued_total{grant="client_credentials"}': 1,
        'authsvc_refusals_total{endpoint="token",error="invalid_client"}': 1,
        'authsvc_logins_total{outcome="wrong_password"}': 1,
        'authsvc_lane_queue_depth{lane="people"}': 3,
        'authsvc_lane_rejected_total{lane="people"}': 1,
        'authsvc_hash_seconds_bucket{le="0.02"}': 1,
        "authsvc_hash_seconds_sum": 0.018,
        "authsvc_storage_errors_total": 1,
        'authsvc_cache_hits_total{store="clients"}': 1,
        'authsvc_cache_misses_total{store="clients"}': 1,
        "authsvc_rate_limit_failures_total": 1,
        'authsvc_mail_sent_total{outcome="failed"}': 1,
    }.items()  # fmt: skip
    assert any(name.startswith("authsvc_build_info") and 'version="1.2.3"' in name for name in samples)
    assert all(name.startswith("authsvc_") for name in samples)


def test_an_unknown_endpoint_counts_as_other(metrics) -> None:
    for n in range(500):
        metrics.request(f"/made-up/{n}", 404, 0.001)
        metrics.refusal(f"/made-up/{n}", "not_found")
    metrics.request("token", 7, 0.001)
    samples = _samples(metrics)
    assert samples['authsvc_requests_total{endpoint="other",status="404"}'] == 500
    assert samples['authsvc_refusals_total{endpoint="other",error="not_found"}'] == 500
    assert samples['authsvc_requests_total{endpoint="token",status="other"}'] == 1
    assert not any("made-up" in name for name in samples)
    assert len(metrics.requests) < 3


def test_no_label_grows_without_bound_or_takes_odd_values(metrics) -> None:
    metrics.login('hunter2"\n')
    for n in range(1000):
        metrics.token_issued(f"made-up-{n}")
        metrics.lane_queue_depth(f"made-up-{n}", 1)
    text = metrics.render().decode()
    assert "hunter2" not in text
    assert 'authsvc_logins_total{outcome="other"} 1.0' in text
    assert len(re.findall("authsvc_tokens_issued_total{", text)) == 65
    assert len(re.findall("authsvc_lane_queue_depth{", text)) == 65


def test_they_are_what_the_rooms_below_the_edge_count_with(metrics) -> None:
    port: ports.Metrics = metrics
    port.login("ok")
    assert _samples(metrics)['authsvc_logins_total{outcome="ok"}'] == 1
