"""Tasks of reasoning."""
