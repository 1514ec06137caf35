"""Reading final answers out of generated text: strictly, and with an account of what could not be read."""
