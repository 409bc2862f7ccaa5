"""Headers by which a stranger may try to put a host of theirs into a URL of ours."""

import pytest

FOREIGN_HOSTS = [
    pytest.param({"Host": "evil.example"}, id="host"),
    pytest.param({"Host": "login.example.test.evil.example"}, id="host-suffix"),
    pytest.param({"Host": "evil.example:443"}, id="host-port"),
    pytest.param({"X-Forwarded-Host": "evil.example"}, id="x-forwarded-host"),
    pytest.param({"X-Forwarded-Server": "evil.example"}, id="x-forwarded-server"),
    pytest.param({"Forwarded": "host=evil.example;proto=http"}, id="forwarded"),
    pytest.param({"X-Forwarded-Proto": "http", "X-Forwarded-Prefix": "/evil.example"}, id="x-forwarded-prefix"),
    pytest.param({"X-Original-URL": "https://evil.example/"}, id="x-original-url"),
    pytest.param({"X-Rewrite-URL": "https://evil.example/"}, id="x-rewrite-url"),
    pytest.param({"X-HTTP-Host-Override": "evil.example"}, id="x-http-host-override"),
    pytest.param({"Referer": "https://evil.example/"}, id="referer"),
]
