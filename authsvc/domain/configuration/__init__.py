"""The configuration of an installation as one document: what it says, how it differs, how the difference is made.

Owns which members of tenants, resources, trusted issuers and clients are configuration. Reads no files and prints
nothing; secrets come to it resolved, and leave it as hashes.
"""
