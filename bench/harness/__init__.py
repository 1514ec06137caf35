"""lm-evaluation-harness, both ways: its tasks on bench's engine, and bench's models under its command."""
