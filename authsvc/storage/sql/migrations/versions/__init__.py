"""One file per revision, NNNN_what.py, each following the one before; NNNN is its revision id."""
