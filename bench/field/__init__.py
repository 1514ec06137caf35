"""The field's own data sets: read from the Hugging Face hub through `datasets`, or from a local file."""
