"""Faults: what authsvc keeps of its word when processes are killed, the database goes away, clocks jump.

`python -m bench.faults NAME` runs one of them and writes docs/reliability.md; each ends by itself, draws its chances
from a seed that it prints, and ends only processes that it has started. tests/faults runs short versions.
"""
