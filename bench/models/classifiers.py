"""The embedded classifiers: small, quick to train, deterministic."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from bench.arrays import AnyArray, Float64s
from bench.capabilities import Classified
from bench.components import model
from bench.examples import Examples
from bench.models.building import facts
from bench.models.labels import classes_of, labels_of
from bench.models.network import Network, Training, trained
from bench.models.scaling import Scale, flat
from bench.models.sklearn import FittableClassifier


@dataclass
class Linear:
    """Multinomial logistic regression; its features are its standardised inputs."""

    strength: float
    scale: Scale | None = None
    layer: tuple[Float64s, Float64s] | None = None

    def fit(self, train: Examples, seed: int) -> None:  # noqa: ARG002 - a convex problem: nothing is drawn
        """Fit by scikit-learn's lbfgs.  A class without training rows has the constant logit -30."""
        from sklearn.linear_model import LogisticRegression

        rows, labels, classes = flat(train.inputs), labels_of(train), classes_of(train)
        self.scale = Scale.of(train.inputs)
        fitted = LogisticRegression(C=self.strength, max_iter=2000, tol=1e-6).fit(self.scale.apply(rows), labels)
        weight = np.zeros((rows.shape[1], classes))
        bias = np.full(classes, -30.0)
        coefficients, intercepts = fitted.coef_, fitted.intercept_
        if len(fitted.classes_) == 2:  # scikit-learn gives one row for two classes: the log-odds of the second
            coefficients = np.concatenate([np.zeros_like(coefficients), coefficients])
            intercepts = np.concatenate([np.zeros_like(intercepts), intercepts])
        weight[:, fitted.classes_] = coefficients.T
        bias[fitted.classes_] = intercepts
        self.layer = weight, bias

    def classify(self, inputs: AnyArray) -> Classified:
        """Logits (b, C), features (b, d)."""
        assert self.scale is not None and self.layer is not None  # noqa: S101, PT018 - fit comes first
        features = self.scale.apply(flat(inputs))
        weight, bias = self.layer
        return Classified(features @ weight + bias, features=features, head=(weight.T, bias))

    def pullback(self, inputs: AnyArray, weights: Float64s) -> Float64s:
        """Gradient of the weighted logits with respect to the inputs."""
        assert self.scale is not None and self.layer is not None  # noqa: S101, PT018 - fit comes first
        return (weights @ self.layer[0].T / self.scale.width).reshape(np.shape(inputs))

    def fingerprint(self) -> dict[str, Any]:
        """Parameters and versions."""
        return facts("logistic", {"strength": self.strength}, "numpy", "scikit-learn")


@dataclass
class Perceptron:
    """A fully connected network; its features are the activations of its last hidden layer."""

    hidden: int
    depth: int
    training: Training = field(default_factory=Training)
    network: Network | None = None

    def fit(self, train: Examples, seed: int) -> None:
        """Train by cross-entropy."""
        import torch

        targets = torch.from_numpy(labels_of(train))
        widths = (self.hidden,) * self.depth + (classes_of(train),)

        def loss(outputs: Any, rows: Any) -> Any:
            return torch.nn.functional.cross_entropy(outputs, targets[rows])

        self.network = trained(train.inputs, loss, widths, self.training, seed)

    def classify(self, inputs: AnyArray) -> Classified:
        """Logits (b, C), features (b, hidden)."""
        assert self.network is not None  # noqa: S101 - fit comes first
        features = self.network.features(flat(inputs))
        weight, bias = self.network.layers[-1]
        return Classified(self.network.outputs(features), features=features, head=(weight.T, bias))

    def pullback(self, inputs: AnyArray, weights: Float64s) -> Float64s:
        """Gradient of the weighted logits with respect to the inputs."""
        assert self.network is not None  # noqa: S101 - fit comes first
        return self.network.pullback(flat(inputs), weights).reshape(np.shape(inputs))

    def fingerprint(self) -> dict[str, Any]:
        """Parameters and versions."""
        parameters = {"hidden": self.hidden, "depth": self.depth, **asdict(self.training)}
        return facts("mlp", parameters, "numpy", "torch")


@model("logistic", gives="classifier", source="Cox 1958; scikit-learn's lbfgs")
def logistic(strength: float = 1.0) -> Linear:
    """Multinomial logistic regression on standardised inputs.

    strength: inverse weight of the squared penalty (scikit-learn's C).
    """
    return Linear(strength)


@model("mlp", gives="classifier", source="Rumelhart, Hinton and Williams 1986")
def mlp(
    *, hidden: int = 64, depth: int = 1, epochs: int = 40, batch: int = 64, rate: float = 1e-2, decay: float = 1e-2
) -> Perceptron:
    """A small network with ReLU, trained with Adam by cross-entropy; its last hidden layer gives the features.

    hidden, depth: width and number of hidden layers.  epochs, batch, rate, decay: of the training.
    """
    return Perceptron(hidden, depth, Training(epochs, batch, rate, decay))


@model("forest", gives="classifier", source="Breiman 2001; scikit-learn")
def forest(trees: int = 100, leaf: int = 1) -> FittableClassifier:
    """A random forest: the mean of its trees' class frequencies, clipped to 1e-12.

    trees: their number.  leaf: least samples in a leaf.
    """
    from sklearn.ensemble import RandomForestClassifier

    parameters = {"trees": trees, "leaf": leaf}
    estimator = RandomForestClassifier(n_estimators=trees, min_samples_leaf=leaf)
    return FittableClassifier(estimator, facts("forest", parameters, "numpy", "scikit-learn"))
