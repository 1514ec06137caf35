"""Estimators of likelihoods: what a log-density costs where no closed form gives it, each with its own error."""
