"""Tasks of uncertainty."""
