"""Language models in Hugging Face format: loading, encoding, scoring and generation."""
