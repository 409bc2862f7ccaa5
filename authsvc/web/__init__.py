"""HTTP only: parse, call, answer. Knows no SQL and decides nothing that a protocol or the domain decides."""
