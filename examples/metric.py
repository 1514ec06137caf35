"""A metric of your own: `bench eval --plugin examples/metric.py` reports it beside the others."""

import numpy as np

from bench import Classification, PerSample, metric, per_sample


@metric("margin", of=Classification, area="calibration", better="higher", range=(-1, 1), source="Schapire et al. 1998")
def margin(record: Classification) -> PerSample:
    """Probability of the class that came true, less that of the best other class."""
    own = np.eye(record.probs.shape[1], dtype=bool)[record.labels]
    return per_sample(record.probs[own] - np.where(own, 0.0, record.probs).max(axis=1))
