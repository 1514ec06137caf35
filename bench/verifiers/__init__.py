"""Verifiers: what says how good a text, or the beginning of one, is as an answer to its prompt."""
