"""Estimators: likelihoods that need the model itself, each with its kind and its error."""
