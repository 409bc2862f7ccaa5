"""The benchmarks: ratios against peers measured on the same machine in the same minute.

`make bench` runs all, `python -m bench NAME ...` some; the figures go to docs/benchmarks.md.
One file per comparison. Nothing here is a test: a figure never passes or fails a build.
"""
