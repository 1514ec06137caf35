"""Tasks of OOD detection."""
