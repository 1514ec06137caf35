"""Comparing runs: what each number rests on sample by sample, pairing by sample, and what the pairs say."""
