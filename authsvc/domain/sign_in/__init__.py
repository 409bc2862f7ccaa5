"""A sign-in on its way and what remains of it: errands, codes, consents, sessions and their ends."""
