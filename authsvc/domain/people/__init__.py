"""People: who they are, how they prove it, and what they may change of themselves. Owns passwords and their limits."""
