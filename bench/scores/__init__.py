"""Scores: pure functions from a record to one number a sample; higher is more suspicious."""
