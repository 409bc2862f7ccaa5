"""Tokens: the only mint, and one file per kind of token."""
