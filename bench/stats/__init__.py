"""Statistics: intervals and tests."""
