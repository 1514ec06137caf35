"""DAEMON: the law nearest the model's among those whose texts have given averages."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence

import numpy as np

from bench.arrays import Float64s
from bench.components import decoder
from bench.decisions import Decision, Prompt
from bench.decoders.budget import require
from bench.decoders.draws import draw_pools
from bench.decoders.self_consistency import elect
from bench.errors import UsageError
from bench.language import Generated, LanguageModel

PAPER = "Language Model Decoding as Direct Metrics Optimization"
# Holds μ where a target lies beyond what was sampled; as strong as so many of a thousand samples.
_RIDGE = 1e-3
# What heights that differ by rounding alone may differ by.
_ROUNDING = 1e-13


def repetition(text: Generated) -> float:
    """Share of pairs of neighbouring tokens that came before."""
    pairs = Counter(zip(text.token_ids.tolist(), text.token_ids[1:].tolist(), strict=False))
    total = sum(pairs.values())
    return 1 - len(pairs) / total if total else 0.0


FEATURES: dict[str, Callable[[Generated], float]] = {
    "length": lambda text: float(len(text.token_ids)),
    "surprisal": lambda text: float(-text.logprobs.mean()) if len(text.logprobs) else 0.0,
    "repetition": repetition,
}


def tilt(features: Float64s, targets: Float64s, base: Float64s | None = None, ridge: float = 0.0) -> Float64s:
    """The μ (K,) for which the law base · exp(-μᵀf) / Z has the averages `targets`.

    features (M, K); base (M,): the law that is tilted, none for equal weights.  It minimises log E[exp(-μᵀf)] + μᵀF +
    ridge/2 · |μ|² in standardised features, which is convex, by Newton steps with backtracking.
    """
    weights = np.full(len(features), 1 / len(features)) if base is None else base / base.sum()
    centre = weights @ features
    scale = np.sqrt(weights @ (features - centre) ** 2)
    scale[scale < 1e-12] = 1.0
    f, goal = (features - centre) / scale, (targets - centre) / scale
    mu = np.zeros(features.shape[1])

    def height(at: Float64s) -> float:
        logs = np.log(np.maximum(weights, 1e-300)) - f @ at
        return float(np.logaddexp.reduce(logs) + at @ goal + ridge / 2 * at @ at)

    for _ in range(200):
        law = tilted(f, mu, weights)
        mean = law @ f
        slope = goal - mean + ridge * mu
        if float(np.abs(slope).max()) < 1e-12:
            break
        curve = (f - mean).T @ ((f - mean) * law[:, None]) + (ridge + 1e-12) * np.eye(len(mu))
        move = -np.linalg.solve(curve, slope)
        size = 1.0
        while size > 1e-10 and height(mu + size * move) > height(mu) + 1e-4 * size * float(slope @ move) + _ROUNDING:
            size /= 2
        mu = mu + size * move
    return mu / scale


def tilted(features: Float64s, mu: Float64s, base: Float64s | None = None) -> Float64s:
    """The law base · exp(-μᵀf) / Z over M texts, (M,)."""
    logs = -features @ mu + (0.0 if base is None else np.log(np.maximum(base, 1e-300)))
    law = np.exp(logs - logs.max())
    return np.asarray(law / law.sum())


@decoder(
    "daemon",
    source="Ji et al. 2024, Language Model Decoding as Direct Metrics Optimization (sampling-importance-resampling)",
    papers=(PAPER,),
    check="daemon",
)
def daemon(
    model: LanguageModel,
    prompts: Sequence[Prompt],
    seed: int,
    n: int = 16,
    targets: str = "surprisal=0.1",
    temperature: float = 1.0,
    budget: int = 0,
) -> list[Decision]:
    """The answer of most weight among n samples that are weighed so that their averages are as asked.

    targets: averages of `length` (tokens), `surprisal` (nats a token) and `repetition` (share of repeated pairs),
    separated by `;`, such as those of texts by people.  The weights are exp(-μᵀf), the law nearest to the model's own
    with those averages; a target beyond what was sampled is approached.  The confidence is the answer's share.
    """
    wanted = _targets(targets)
    pools = draw_pools(model, prompts, "daemon", seed, n, temperature, 1.0, budget=budget)
    out = []
    for pool in pools:
        pool.require_log_probs("daemon")
        features = np.array([[FEATURES[name](text) for name in wanted] for text in pool.texts])
        mu = tilt(features, np.array(list(wanted.values())), ridge=_RIDGE)
        out.append(elect(pool, tilted(features, mu)))
    return out


def _targets(text: str) -> dict[str, float]:
    found: dict[str, float] = {}
    for part in text.split(";"):
        name, _, value = part.partition("=")
        require(name in FEATURES, "daemon", "targets", text, "name=number of " + ", ".join(FEATURES))
        try:
            found[name] = float(value)
        except ValueError as error:
            raise UsageError(
                f"'daemon' can't take targets={text}", cause=f"{value!r} is no number", fix="bench show decoder daemon"
            ) from error
    return found
