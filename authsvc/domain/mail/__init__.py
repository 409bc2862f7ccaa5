"""Letters, the links in them, and the outbox where they wait encrypted. Sends nothing: outbound does."""
