"""Minimum Bayes risk: the text that is most like the others; and samples from prompts that differ."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import lru_cache

import numpy as np

from bench.arrays import Float64s
from bench.components import decoder
from bench.decisions import Decision, Prompt
from bench.decoders.budget import require
from bench.decoders.draws import Pool, draw_pools
from bench.decoders.self_consistency import elect
from bench.language import LanguageModel

CROWD = "Follow the Wisdom of the Crowd: Effective Text Generation via Minimum Bayes Risk Decoding"
DIVERSE = "Diversified Sampling Improves Scaling LLM inference"

# What stands before the prompt; the first is nothing, so that the plain prompt is among them.
INJECTIONS = (
    "",
    "You are a careful mathematician.\n",
    "Think step by step.\n",
    "Check each step before the next.\n",
    "You solve puzzles for a living.\n",
    "Twas brillig, and the slithy toves did gyre and gimble in the wabe.\n",
    "Be brief and exact.\n",
    "A friend asks for help.\n",
)


@decoder(
    "mbr",
    source="Suzgun et al. 2023, Follow the Wisdom of the Crowd; Kumar and Byrne 2004",
    papers=(CROWD,),
    check="mbr",
)
def mbr(
    model: LanguageModel,
    prompts: Sequence[Prompt],
    seed: int,
    n: int = 8,
    temperature: float = 0.7,
    top_p: float = 1.0,
    utility: str = "token-f1",
    budget: int = 0,
) -> list[Decision]:
    """Of n samples the one of most expected utility, the others standing for what might have been said.

    utility: `answer` (equal answers; a vote), `token-f1` or `rouge-l` of words, `chrf` or `bleu` of sentences (by
    sacrebleu).  Samples without a readable answer are references but no candidates.  The confidence is the expected
    utility itself, in [0, 1]; ties go to the first.
    """
    require(utility in UTILITIES, "mbr", "utility", utility, "one of " + ", ".join(UTILITIES))
    pools = draw_pools(model, prompts, "mbr", seed, n, temperature, top_p, budget=budget)
    out = []
    for pool in pools:
        able = [k for k, answer in enumerate(pool.answers) if answer is not None]
        if not able:
            out.append(Decision("", 0.0, pool.texts))
            continue
        expected = expected_utilities(pool, utility)
        best = max(able, key=lambda k: expected[k])
        out.append(Decision(pool.answers[best] or "", float(min(1.0, expected[best])), pool.texts))
    return out


def expected_utilities(pool: Pool, utility: str) -> Float64s:
    """Mean utility of each text (n,) over all texts of the pool as references, itself included."""
    items: Sequence[str | None] = pool.answers if utility == "answer" else [text.text for text in pool.texts]
    counts = Counter(items)
    alike = UTILITIES[utility]
    made = {
        one: sum(count * alike(one, other) for other, count in counts.items() if other is not None) / len(items)
        for one in counts
        if one is not None
    }
    return np.array([made.get(item, 0.0) if item is not None else 0.0 for item in items])


def token_f1(candidate: str, reference: str) -> float:
    """Harmonic mean of the shares of words (as multisets) that two texts have in common; two empty ones are alike."""
    a, b = candidate.split(), reference.split()
    common = sum((Counter(a) & Counter(b)).values())
    return 2 * common / (len(a) + len(b)) if a or b else 1.0


def rouge_l(candidate: str, reference: str) -> float:
    """F-measure of the longest common subsequence of words (Lin 2004); two empty texts are alike."""
    a, b = candidate.split(), reference.split()
    if not (a or b):
        return 1.0
    row = [0] * (len(b) + 1)
    for word in a:
        before = 0
        for k, other in enumerate(b):
            before, row[k + 1] = row[k + 1], before + 1 if word == other else max(row[k + 1], row[k])
    return 2 * row[-1] / (len(a) + len(b))


def _sacrebleu(kind: str) -> Callable[[str, str], float]:
    def alike(candidate: str, reference: str) -> float:
        return _measured(kind, candidate, reference)

    return alike


@lru_cache(maxsize=1 << 16)
def _measured(kind: str, candidate: str, reference: str) -> float:
    import sacrebleu

    measure = sacrebleu.sentence_chrf if kind == "chrf" else sacrebleu.sentence_bleu
    return min(1.0, float(measure(candidate, [reference]).score) / 100)


UTILITIES: dict[str, Callable[[str, str], float]] = {
    "answer": lambda a, b: float(a == b),
    "token-f1": token_f1,
    "rouge-l": rouge_l,
    "chrf": _sacrebleu("chrf"),
    "bleu": _sacrebleu("bleu"),
}


@decoder(
    "diverse-prompts",
    source="Wang et al. 2025, Diversified Sampling Improves Scaling LLM Inference (DivSampling)",
    papers=(DIVERSE,),
    check="diverse-prompts",
)
def diverse_prompts(
    model: LanguageModel,
    prompts: Sequence[Prompt],
    seed: int,
    n: int = 8,
    temperature: float = 0.7,
    top_p: float = 1.0,
    injections: str = "",
    budget: int = 0,
) -> list[Decision]:
    """The answer that most of n samples give, each from a prompt with another text put before it, by turns.

    injections: those texts, separated by `|`; none: eight of roles, instructions and nonsense, the first of them empty.
    With an empty one alone (`injections=|`) the samples are those of plain voting under the same seed.  A model that
    was trained on bare prompts may well do worse.
    """
    before = tuple(dict.fromkeys(injections.split("|"))) if injections else INJECTIONS
    voters = len(before)
    require(isinstance(n, int) and n >= 1, "diverse-prompts", "n", n, "a whole number of at least 1")
    shares = [len(range(k, n, voters)) for k in range(voters)]
    found: list[list[Pool]] = [[] for _ in prompts]
    for k, (text, share) in enumerate(zip(before, shares, strict=True)):
        if not share and not budget:
            continue
        some = [replace(p, text=text + p.text, id=f"{p.id}|{k}" if k else p.id) for p in prompts]
        made = draw_pools(
            model, some, "self-consistency", seed, max(1, share), temperature, top_p, budget=budget // voters
        )
        for pools, pool in zip(found, made, strict=True):
            pools.append(pool)
    whole = [
        Pool(tuple(t for pool in pools for t in pool.texts), tuple(a for pool in pools for a in pool.answers))
        for pools in found
    ]
    return [elect(pool, np.ones(len(pool.texts))) for pool in whole]
