"""Leaderboards: many runs as ranked tables, with places as sure as the samples make them."""
