"""The leaderboard as a static site, Markdown, CSV and LaTeX."""
