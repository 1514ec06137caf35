"""Trust, conditional information and orders of choices on cases that can be enumerated."""

from __future__ import annotations

import itertools
import math

import numpy as np

from bench.arrays import Float64s, Ragged
from bench.calibrators.temperature import temperature_top_5
from bench.checks.cases import exact, ids, measured
from bench.checks.metrics import confident
from bench.components import Truth, check
from bench.metrics.dispersion import class_information, concentration
from bench.metrics.orders import adjusted, position_bias
from bench.records import Choices, Classification
from bench.seeds import generator


@check("calibration/conditional-information", area="calibration", source="enumeration of a discrete joint distribution")
def conditional_information() -> list[Truth]:
    """I(X; Y^ | Y) of four inputs, three classes and three answers, from the joint distribution itself."""
    rng = generator(0, "conditional-information")
    answer = rng.dirichlet(np.ones(3), 4)  # p(y^ | x)
    joint_xy = rng.dirichlet(np.ones(12)).reshape(4, 3)
    joint = joint_xy[:, :, None] * answer[:, None, :]  # p(x, y, y^)
    p_y, p_xy, p_ya = joint.sum(axis=(0, 2)), joint.sum(axis=2), joint.sum(axis=0)
    textbook = float((joint * np.log(joint * p_y[:, None] / (p_xy[:, :, None] * p_ya))).sum())
    x, y = (a.ravel() for a in np.meshgrid(np.arange(4), np.arange(3), indexing="ij"))
    record = Classification(ids=ids(12), logits=np.log(answer[x]), labels=y, weights=joint_xy.ravel())
    constant = Classification(ids=ids(12), logits=np.log(answer[y]), labels=y)
    told = Classification(
        ids=ids(6), logits=np.log(np.eye(3) + 1e-300)[[0, 1, 2, 0, 1, 2]], labels=np.repeat([0, 1], 3)
    )
    of_class, mass = class_information(record, joint_xy.ravel()[None])
    return [
        exact(textbook, measured("cmi", record), "I(X; Y^ | Y)"),
        exact(textbook, float((of_class * mass).sum() / mass.sum()), "mean over the classes"),
        exact(0.0, measured("cmi", constant), "one answer a class"),
        exact(math.log(3), measured("cmi", told), "answers that tell the input: log C"),
    ]


@check("calibration/trust-profile", area="calibration", source="closed form")
def trust_profile() -> list[Truth]:
    """Accuracy less ECE by hand, the profile of a known distribution, and the temperature of scaled top-five logits."""
    record = confident(np.repeat([0.55, 0.95], [100, 100]), np.concatenate([np.arange(100) < 40, np.arange(100) < 90]))
    p = np.array([0.3, 0.25, 0.2, 0.1, 0.05, 0.04, 0.03, 0.03])
    one = Classification(ids=ids(1), logits=np.log(p[None, ::-1]), labels=np.array([0]))
    profile = concentration(one)
    rng = generator(0, "trust-profile")
    z = 2 * rng.standard_normal((3000, 8))
    labels = np.array([rng.choice(8, p=np.exp(row) / np.exp(row).sum()) for row in z])
    fitted = [
        temperature_top_5(Classification(ids=ids(3000), logits=c * z, labels=labels)).parameters["temperature"]
        for c in (1.0, 4.0)
    ]
    return [
        exact(0.65 - 0.1, measured("trust", record), "accuracy less ECE"),
        exact(0.9, measured("top-5-mass", one), "mass of the top five"),
        exact(1.0, float(profile[-1]), "all classes hold everything"),
        exact(0.0, float(np.maximum(np.diff(profile, 2), 0).max()), "the profile is concave"),
        Truth(fitted[0] * 4, fitted[1], 1e-7, "logits times 4: temperature times 4"),
    ]


def asked_in_all_orders(taste: Float64s, pull: Float64s) -> Choices:
    """A responder asked Q questions in all orders of their C choices.

    taste: (Q, C); pull: (C,).  Position j is answered in proportion to the taste of what stands there times its pull.
    """
    rows = [(q, order) for q in range(len(taste)) for order in itertools.permutations(range(taste.shape[1]))]
    shares = np.array([taste[q, list(order)] * pull for q, order in rows])
    return Choices(
        ids=ids(len(rows)),
        groups=np.array([str(q) for q, _ in rows]),
        labels=np.array([order.index(int(taste[q].argmax())) for q, order in rows]),
        loglik=Ragged.of(list(np.log(shares / shares.sum(axis=1, keepdims=True))), np.float64),
        order=Ragged.of([order for _, order in rows], np.int64),
    )


@check(
    "calibration/choice-orders", area="calibration", source="enumeration of all orders; Dominguez-Olmedo et al. 2023"
)
def choice_orders() -> list[Truth]:
    """A responder with a taste and a pull of positions, averaged over all orders by another route; one that says A."""
    taste, pull = np.array([[0.5, 0.3, 0.2], [0.2, 0.2, 0.6]]), np.array([0.6, 0.3, 0.1])
    found = adjusted(asked_in_all_orders(taste, pull))
    expected = np.zeros_like(taste)
    for q, choice in itertools.product(range(2), range(3)):
        for places in itertools.permutations(range(3)):  # places[c]: where choice c stands
            weighed = [taste[q, c] * pull[places[c]] for c in range(3)]
            expected[q, choice] += weighed[choice] / sum(weighed) / 6
    even = asked_in_all_orders(np.full((1, 3), 1 / 3), pull)
    first = asked_in_all_orders(taste, np.array([1.0, 1e-300, 1e-300]))
    bias = position_bias(even)
    return [
        exact(0.0, float(np.abs(found.probs - expected).max()), "average over all orders"),
        exact(0.6 - 1 / 3, measured("choice-position-bias", even), "A-bias without a taste"),
        exact(0.0, float(np.abs(bias - (pull - 1 / 3)).max()), "every position"),
        exact(2 / 3, measured("choice-position-bias", first), "always A: A-bias"),
        exact(1.0, measured("choice-order-entropy", first), "always A: nothing is left"),
        exact(1.0, measured("choice-order-accuracy", asked_in_all_orders(taste, pull)), "the taste is found"),
    ]
