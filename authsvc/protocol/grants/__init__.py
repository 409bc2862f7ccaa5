"""Grant types: one file each, and the table of them. They never import each other."""

from authsvc.protocol.grant import Grant
from authsvc.protocol.grants import (
    authorization_code,
    client_credentials,
    jwt_bearer,
    password,
    refresh_token,
    token_exchange,
)

GRANTS: dict[str, Grant] = {
    grant.GRANT_TYPE: grant
    for grant in (authorization_code, client_credentials, refresh_token, password, token_exchange, jwt_bearer)
}  # fmt: skip
