import tomllib

from hypothesis import given
from hypothesis import strategies as st

from authsvc.cli.toml_text import toml_text

# What no file in UTF-8 holds, no database does either.
TEXTS = st.text(st.characters(exclude_categories=["Cs"]))
VALUES = st.recursive(
    TEXTS | st.booleans() | st.integers(-(2**63), 2**63 - 1),
    lambda children: st.lists(TEXTS) | st.lists(st.dictionaries(TEXTS, children)) | st.dictionaries(TEXTS, children),
)


@given(st.dictionaries(TEXTS, VALUES))
def test_what_is_written_is_read_as_the_same(table):
    text = toml_text(table)

    assert tomllib.loads(text) == table
    assert toml_text(tomllib.loads(text)) == text


def test_it_reads_well():
    table = {
        "tenants": {
            "main": {
                "issuer": "https://login.example",
                "clients": {
                    "web.app": {
                        "scopes": ["one"], "uris": [f"https://{name}.example/callback" for name in "abc"],
                        "exchanges": [{"audience": "urn:x", "scopes": {"had": ["given"]}}],
                    }
                },
            }
        }
    }  # fmt: skip
    assert (
        toml_text(table)
        == """\
[tenants.main]
issuer = "https://login.example"

[tenants.main.clients."web.app"]
scopes = ["one"]
uris = [
  "https://a.example/callback",
  "https://b.example/callback",
  "https://c.example/callback",
]

[[tenants.main.clients."web.app".exchanges]]
audience = "urn:x"

[tenants.main.clients."web.app".exchanges.scopes]
had = ["given"]
"""
    )
