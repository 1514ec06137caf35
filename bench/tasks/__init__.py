"""Tasks: data and a question, one folder an area."""
