"""Measurements of bench itself, side by side with what it is held against: how fast, and how true its intervals."""
