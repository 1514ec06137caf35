"""Tasks of calibration."""
