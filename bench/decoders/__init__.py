"""Decoders: inference-time strategies on a language model."""
