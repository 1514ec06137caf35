"""A metric of your own: `bench eval --plugin examples/metric.py` reports it beside the others."""

import numpy as np

from bench import Classification, PerSample, metric, per_sample


@metric("spherical", of=Classification, area="calibration", better="lower", range=(-1, 0), source="Roby 1965")
def spherical(record: Classification) -> PerSample:
    """Negative spherical score, -p_y / |p|: proper, bounded, and gentler than the log score on bold errors."""
    own = record.probs[np.arange(len(record)), record.labels]
    return per_sample(-own / np.linalg.norm(record.probs, axis=1))
