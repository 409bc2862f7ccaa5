"""Hash passwords all the time at the lowest priority, for nobody: `python -m bench.faults.hasher SECONDS`.

What others notice of it is what two threads of one core owe each other, whatever a service does about it.
"""

import os
import sys
import time

from authsvc.crypto.passwords import verify_dummy

if __name__ == "__main__":
    os.nice(19)
    until = time.monotonic() + float(sys.argv[1])
    while time.monotonic() < until:
        verify_dummy("")
