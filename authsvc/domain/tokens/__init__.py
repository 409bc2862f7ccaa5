"""What a token says, and what is stored of tokens and API keys. Mints nothing: protocol/tokens does."""
