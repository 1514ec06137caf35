"""Conformal prediction: thresholds, sets and intervals that hold for any model and any finite sample."""
