"""What may differ in the tokens of each input, claim by claim, with the reason; everything else must be refused.

The ways are those of forged_values; a test shows that each of them is indeed good.
"""

UNREAD = dict.fromkeys(("act", "may_act", "cnf"), "*")
OWN = {
    "aud": "list",  # RFC 7519 §4.1.3: one text is a list of one
    "jti": "near case long",  # the id of another token of ours
    "exp": "future",  # only we could have said so
    "grant_id": "absent null case",  # there is none where no refresh token was given
    "sid": "case",
    "scope": "near",  # spaces around and between count for nothing
}
AT_EXCHANGE = {**OWN, "aud": "list many", "sid": "absent case", "act": "null"}
UNREAD_OF_ACTORS = {"act": "*", "may_act": "*"}  # whom the actor acts for elsewhere is not what is asked
BY_SERVICE = {
    **UNREAD_OF_ACTORS, "aud": "list many", "jti": "near case long", "exp": "future", "scope": "absent empty near case",
    # Of no session, so that what could be said of one is not read.
    "grant_id": "*", "auth_time": "*", "amr": "*",
}  # fmt: skip
ASKED = {**OWN, **UNREAD, "aud": "list many", "sid": "absent case", "scope": "absent empty near case"}
BEARER = {**OWN, **UNREAD, "aud": "list many"}
REVOKED = {
    **UNREAD, "sub": "absent empty near case", "aud": "near case list many", "jti": "near case long", "exp": "future",
    "sid": "*", "grant_id": "*", "scope": "*", "auth_time": "*", "amr": "*",
}  # fmt: skip
"""Whom it speaks of and for whom it is does not matter to who wants it dead."""
OF_ID_TOKEN = {
    "sid": "case", "exp": "future", "jti": "long", "client_id": "*", "grant_id": "absent null case", "scope": "*",
    "act": "null",
}  # fmt: skip
HINT_OF_PERSON = {
    **OF_ID_TOKEN, **UNREAD, "auth_time": "*", "amr": "*", "sid": "absent null case other", "grant_id": "*",
}  # fmt: skip
"""Only whom it speaks of is read, and that this client was told."""
HINT = {**HINT_OF_PERSON, "sub": "near case"}
"""Nobody is signed out by it alone: there is no session here whose end it could ask for."""
FOREIGN = {
    "aud": "list many", "jti": "absent near case long", "iat": "absent", "sid": "*", "grant_id": "*", "scope": "*",
    "auth_time": "*", "amr": "*", "sub": "case",
}  # fmt: skip
SUBJECT_JWT = {**FOREIGN, "jti": "absent empty near case long", "client_id": "*", "act": "null"}
ACTOR_JWT = {**SUBJECT_JWT, **UNREAD_OF_ACTORS}
BEARER_GRANT = {**FOREIGN, "jti": "near case long", "client_id": "absent", "act": "*", "may_act": "*"}
NOT_READ = dict.fromkeys(
    ("sid", "grant_id", "scope", "client_id", "auth_time", "amr", "act", "may_act", "cnf"), "*"
)  # fmt: skip
ASSERTION = {**NOT_READ, "aud": "list", "jti": "near case", "iat": "absent"}
WORKLOAD = {**NOT_READ, "aud": "list", "jti": "absent empty near case long", "iat": "absent"}
LISTED = {**WORKLOAD, "aud": "", "jti": "long"}  # its audience is a list already, and it has no id
VERIFIED = {
    "sub": "near case", "aud": "list many", "jti": "near case long", "client_id": "near case other", "exp": "future",
    "iat": "past",
    "scope": "absent empty near case", **dict.fromkeys(("sid", "grant_id", "auth_time", "amr", "act", "may_act"), "*"),
}  # fmt: skip
"""A resource server judges what its issuer signed by the claims that RFC 9068 asks for; the rest is for its reader."""
AT = frozenset({"at+jwt"})
OWN_TYPES = frozenset({None, "jwt", "client-authentication+jwt"})
WORKLOAD_TYPES = OWN_TYPES | {"jose"}
