"""What tasks of OOD detection report unless told otherwise."""

from __future__ import annotations

METRICS = ("accuracy", "auroc", "aupr-out", "aupr-in", "fpr95-ood", "fpr95-id", "detection-error")
# Of the answer alone.
LOGITS = ("msp", "msp-scaled", "max-logit", "energy", "entropy", "gen", "kl-matching")
# Of the features before the last layer, and of that layer.
FEATURES = (
    "mahalanobis",
    "relative-mahalanobis",
    "knn",
    "residual",
    "vim",
    "react",
    "dice",
    "ash-p",
    "ash-b",
    "ash-s",
    "scale",
    "she",
    "gradnorm",
    "nnguide",
    "fdbd",
    "conjnorm",
)
SCORES = LOGITS + FEATURES
# Of answers to changed inputs.
GRADIENTS = ("odin", "energy-slope")
PROBES = (*GRADIENTS, "plpd")
