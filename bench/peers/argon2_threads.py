"""Argon2id verifications in threads: `argon2_threads.py THREADS SECONDS` prints how many per second.

The library lets go of the interpreter's lock while it hashes.
"""

import sys
import time
from concurrent.futures import ThreadPoolExecutor

from argon2 import PasswordHasher

HASHER = PasswordHasher(time_cost=2, memory_cost=19456, parallelism=1)
PASSWORD = "correct horse battery staple"


def verifications(stored_hash: str, until: float) -> int:
    """How many fit into the time that is left."""
    count = 0
    while time.monotonic() < until:
        HASHER.verify(stored_hash, PASSWORD)
        count += 1
    return count


def main(threads: int, seconds: float) -> float:
    """Verifications per second over all threads."""
    stored_hash = HASHER.hash(PASSWORD)
    began = time.monotonic()
    with ThreadPoolExecutor(threads) as pool:
        total = sum(pool.map(lambda _: verifications(stored_hash, began + seconds), range(threads)))
    return total / (time.monotonic() - began)


if __name__ == "__main__":
    sys.stdout.write(f"{main(int(sys.argv[1]), float(sys.argv[2])):.3f}\n")
