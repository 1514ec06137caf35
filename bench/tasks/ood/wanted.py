"""What tasks of OOD detection report unless told otherwise."""

from __future__ import annotations

# The last two where there are several data sets out of distribution.
DETECTION = (
    "auroc",
    "aupr-out",
    "aupr-in",
    "fpr95-ood",
    "fpr95-id",
    "detection-error",
    "auroc-macro",
    "fpr95-ood-macro",
)
METRICS = ("accuracy", *DETECTION)
# As OpenOOD reports them: means over the near ones and over the far ones.
MEANS = ("auroc-macro", "fpr95-ood-macro", "aupr-in-macro", "aupr-out-macro")
NEAR_AND_FAR = tuple(f"{name},among={kind}" for kind in ("near", "far") for name in MEANS)
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
