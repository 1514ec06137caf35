"""Tasks of likelihood."""
