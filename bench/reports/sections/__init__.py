"""The sections of a report, one an area."""
