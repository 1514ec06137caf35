"""Reports: what a run folder holds, for the terminal, as Markdown and as HTML."""
