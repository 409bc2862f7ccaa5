"""The populated installation of the flows, for what is easiest seen through the whole application."""

from tests.flows.conftest import small_world, unhurried, world

__all__ = ["small_world", "unhurried", "world"]
