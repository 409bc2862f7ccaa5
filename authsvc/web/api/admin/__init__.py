"""The admin API: one file for each noun; who may call which of its routes stands in `rules`, and `doors` asks it."""
