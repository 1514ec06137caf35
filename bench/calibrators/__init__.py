"""Calibrators: fitted on a held-out split, applied to a record."""
