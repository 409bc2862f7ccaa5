import re

COMMAND = ("clients", "registration-token")
SECRET = re.compile(r"registration_token\s+(as_rg_\S+)")


def test_a_registration_token_is_told_once_and_revoked_once(installation):
    made = installation.done(*COMMAND, "add", "the team", "--uses", "3", "--expires-in-days", "7")

    found = SECRET.search(made.out)
    assert found is not None
    assert "authsvc tenants registration default token" in made.err
    listed = installation.done(*COMMAND, "list", "--json")
    assert found[1] not in listed.out
    (token,) = listed.json
    assert (token["name"], token["uses_left"], token["revoked_at"]) == ("the team", 3, None)
    installation.done(*COMMAND, "revoke", token["id"])
    (token,) = installation.done(*COMMAND, "list", "--json").json
    assert token["revoked_at"] is not None
    assert "not revoked" in installation.refused(*COMMAND, "revoke", token["id"])


def test_a_token_that_is_pasted_for_its_id_is_not_repeated(installation):
    made = installation.done(*COMMAND, "add", "the team")
    found = SECRET.search(made.out)
    assert found is not None
    assert found[1] not in installation.refused(*COMMAND, "revoke", found[1])


def test_where_registration_is_on_nothing_more_is_said(installation):
    installation.done("tenants", "registration", "default", "token")
    made = installation.done(*COMMAND, "add", "the team")
    assert "Registration is off" not in made.err
