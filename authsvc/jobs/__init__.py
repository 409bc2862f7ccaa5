"""Work that no request waits for: sending letters, purging, rotating keys.

Each job is one file with a function that does a bounded piece and commits it; `runner.py` says when and on which node.
"""
