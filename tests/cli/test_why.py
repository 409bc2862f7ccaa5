from tests.cli.running import post


def test_a_refusal_is_explained_from_audit_and_log_with_its_rule_in_words(site, start):
    server = start("dev", "--port", str(site.port))
    status, answer = post(f"{server.url}/login", "username=ada&password=wrong&client_id=dev-app&scope=openid")
    assert status == 401

    told = site.done("why", str(answer["request_id"]), AUTHSVC_ISSUER=site.issuer).out.splitlines()

    assert any(line.startswith("audit  ") and "rule=bad_credentials" in line for line in told)
    assert any(line.startswith("log    ") and "rule=bad_credentials" in line for line in told)
    assert (
        told[-1] == "The rule that failed, bad_credentials: Unknown name or wrong password: the same answer for both."
    )


def test_a_request_that_nobody_knows_is_refused(installation):
    assert "Nothing is known of the request 0123" in installation.refused("why", "0123")
