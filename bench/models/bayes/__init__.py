"""Posteriors over small networks' weights, and over functions: each gives what its members say, on equal terms."""
