"""Storage keeps rows: it owns the tables, the transactions and the cache, and implements `domain/ports.py`.

It returns the domain's dataclasses, never rows, and raises StorageUnavailable and Conflict, never a driver's error.
It holds no rule of the domain, knows no protocol and no HTTP, and never commits on its own but where a port says so.
"""
