"""Tasks of likelihOOD detection."""
