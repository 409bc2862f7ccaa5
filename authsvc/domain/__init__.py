"""Nouns and their rules: users, clients, sessions, keys and what may be stored. No HTTP, no SQL, no RFC messages."""
