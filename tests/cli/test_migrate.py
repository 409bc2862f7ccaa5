def test_migrating_says_what_it_did_and_then_that_nothing_is_left(site):
    environment = {"AUTHSVC_ISSUER": site.issuer}

    first = site.done("migrate", **environment).out.splitlines()
    second = site.done("migrate", **environment).out.splitlines()

    assert first[0].startswith("applied 0001")
    assert first[-1] == f"created the default tenant for {site.issuer}"
    assert second == ["already up to date"]


def test_migrating_for_an_issuer_that_cannot_be_one_is_refused(site):
    assert "https" in site.refused("migrate", AUTHSVC_ISSUER="http://login.example")
