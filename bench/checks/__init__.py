"""Known-truth checks: cases whose answer is known, one file an area."""
