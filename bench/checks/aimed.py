"""Decoders that aim at more than likelihood: the mode given an attribute, given averages, and drafted reasoning."""

from __future__ import annotations

import math
from collections import Counter

import numpy as np

from bench.checks.cases import exact
from bench.checks.chains import chi, prompts
from bench.checks.language import CONTEXT, VOCABULARY, paths, table, tiny_model
from bench.components import Truth, check
from bench.decisions import Prompt
from bench.decoders.beam import Hypothesis, search
from bench.decoders.speculative_reasoning import reason
from bench.decoders.tilted import tilt, tilted
from bench.seeds import generator


@check("conditional-beam", area="reasoning", source="Yoshida et al. 2023; the mode given an attribute, enumerated")
def conditional() -> list[Truth]:
    """With beams for all texts, the likeliest that has the attribute; with few, the exact prefix probability helps.

    The attribute is to hold the letter c; its probability given a beginning is summed over all texts.  An attribute
    that all texts have leaves plain beam search.
    """
    asked = [Prompt("p", CONTEXT, lambda text: text or None, (), 3)]
    out, found_by_few, plain_by_few = [], 0.0, 0.0
    for seed in range(6):
        model = tiny_model(seed)
        law = paths({past: np.exp(row) for past, row in table(model, CONTEXT).items()})
        letter = VOCABULARY.index("c")

        def attribute(_: Prompt, made: Hypothesis, law: dict[tuple[int, ...], float] = law, c: int = letter) -> float:
            after = [(path, p) for path, p in law.items() if path[: len(made.tokens)] == made.tokens]
            having = math.fsum(p for path, p in after if c in path)
            return math.log(having / math.fsum(p for _, p in after)) if having > 0 else -math.inf

        best = max(p for path, p in law.items() if letter in path)
        (whole,) = search(model, asked, width=len(law), attribute=attribute)
        out.append(exact(best, math.exp(whole.texts[0].total), f"likeliest text with a c, model {seed}"))
        (few,) = search(model, asked, width=2, attribute=attribute)
        found_by_few += math.exp(few.texts[0].total) if letter in few.texts[0].tokens else 0.0
        (plain,) = search(model, asked, width=2)
        plain_by_few += max((math.exp(h.total) for h in plain.texts if letter in h.tokens), default=0.0)
        (every,) = search(model, asked, width=2, attribute=lambda *_: 0.0)
        same = [h.tokens for h in every.texts] == [h.tokens for h in plain.texts]
        out.append(Truth(1, float(same), 0, f"an attribute of all texts changes nothing, model {seed}"))
    gain = float(found_by_few >= plain_by_few)
    label = f"two beams find texts with a c of {found_by_few:.3f} in all, plain ones of {plain_by_few:.3f}"
    return [*out, Truth(1, gain, 0, label)]


@check("daemon", area="reasoning", source="Ji et al. 2024; all texts of a tiny model; the Pythagorean identity of KL")
def averages() -> list[Truth]:
    """The tilted law has the averages asked for, and its cross-entropy falls by exactly KL(q ‖ p)."""
    stream = np.random.default_rng(0)
    out = []
    for seed in range(3):
        law = paths({past: np.exp(row) for past, row in table(tiny_model(seed), CONTEXT).items()})
        p = np.array(list(law.values()))
        features = np.array([[len(path), path.count(2), path.count(4)] for path in law], dtype=np.float64)
        reference = p * stream.gamma(2.0, size=len(p))
        reference /= reference.sum()
        targets = reference @ features
        mu = tilt(features, targets, p)
        q = tilted(features, mu, p)
        out += [
            Truth(float(t), float(m), 1e-9, f"average {k}, model {seed}")
            for k, (t, m) in enumerate(zip(targets, q @ features, strict=True))
        ]
        fall = float(reference @ (np.log(q) - np.log(p)))
        out.append(Truth(float(q @ (np.log(q) - np.log(p))), fall, 1e-9, f"fall of cross-entropy, model {seed}"))
        stay = tilt(features, p @ features, p)
        out.append(Truth(0.0, float(np.abs(stay).max()), 1e-9, f"the model's own averages tilt nothing, model {seed}"))
    return out


@check("speculative-reasoning", area="reasoning", source="Pan et al. 2025; the two models' own laws, enumerated")
def drafted() -> list[Truth]:
    """Keeping every draft gives the small model's texts, keeping none the large one's; what was read is counted."""
    large, small, n = tiny_model(1), tiny_model(2), 300
    out = []
    for accept, writer, name in ((0.0, small, "small"), (2.0, large, "large")):
        asked = prompts(n)
        found = reason(large, small, asked, [generator(9, name, k) for k in range(n)], accept, 1.0)
        law = paths({past: np.exp(row) for past, row in table(writer, CONTEXT).items()})
        seen = Counter(tuple(one.pool[0].token_ids.tolist()) for one in found)
        out.append(chi(law, seen, n, f"χ² of texts by the {name} model"))
        tokens = sum(len(one.pool[0].token_ids) for one in found)
        # Each step is drafted and read; where it is not kept, the large model writes one more.
        read = sum(one.drafted_tokens for one in found)
        spent = sum(one.spent.tokens for one in found)
        written = 0 if accept == 0 else tokens
        out.append(Truth(2 * read + written, spent, 0, f"tokens drafted, read and written, {name}"))
        kept = sum(one.steps for one in found) if accept == 0 else 0
        out.append(Truth(kept, sum(one.kept for one in found), 0, f"drafts kept, {name}"))
    return out
