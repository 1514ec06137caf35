"""Metrics: pure functions from a record (or a detection) and weights to numbers."""
