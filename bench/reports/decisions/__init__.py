"""What gates and comparisons look like: pages, Markdown, and what CI systems read."""
