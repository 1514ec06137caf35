"""bench: evaluate models by their probabilities, and say how sure every number is."""

__version__ = "0.1.0"
