"""Runners: plan cells, ask models, journal, resume, measure."""
