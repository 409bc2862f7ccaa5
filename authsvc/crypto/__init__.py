"""Signatures, password hashes, opaque tokens and secrets at rest, as pure functions.

Owns every use of `jose`, `cryptography` and `passlib`. Reads no file, clock, database or setting: callers hand
in keys and the present time. Must not import anything of authsvc.
"""
