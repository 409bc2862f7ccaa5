"""The RFCs as plain functions over frozen dataclasses, importable and testable without HTTP. Never commits."""
