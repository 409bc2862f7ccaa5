"""What a resource server imports to judge the access tokens of an issuer.

Owns: fetching the issuer's metadata and keys (or its answer about a token), remembering them, and the decision
about one token. Knows nothing of the server's domain and must load neither a web framework nor a database library;
`authsvc.verify.fastapi` is imported by name.
"""

from authsvc.verify.access_token import AccessToken
from authsvc.verify.errors import KeysUnavailable, MetadataInvalid, TokenRejected, VerificationError
from authsvc.verify.introspection import IntrospectionVerifier
from authsvc.verify.judgement import Verifier
from authsvc.verify.verifier import TokenVerifier

__all__ = [
    "AccessToken",
    "IntrospectionVerifier",
    "KeysUnavailable",
    "MetadataInvalid",
    "TokenRejected",
    "TokenVerifier",
    "VerificationError",
    "Verifier",
]
