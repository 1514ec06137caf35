"""Tasks of efficiency."""
