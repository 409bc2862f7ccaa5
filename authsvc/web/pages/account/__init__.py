"""The pages of a person's own account: each does one thing, for whoever is signed in in this browser."""
