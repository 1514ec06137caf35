"""Texts by machines and by people, where the best detector is known, and chains of refits with closed forms."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from bench.arrays import Ragged
from bench.checks.cases import area
from bench.components import Truth, check
from bench.examples import Examples
from bench.language import Draw, Generated, Scored
from bench.records import Authored
from bench.scores.authors import machine_ratio
from bench.seeds import generator
from bench.stats.collapse import PAPER, detector, refits
from bench.tasks.ood.collapse import Chain, chain


@check("ood/machine-text", area="ood", source="Neyman and Pearson 1933; moments of a multinomial", papers=(PAPER,))
def machine_text() -> list[Truth]:
    """Two sources of words: no detector passes their likelihood ratio, and weights bring the first one's means back.

    Refitting a distribution to n of its own draws shrinks the chance that two draws differ by 1 - 1 / n a generation:
    4,000 chains, four standard errors.
    """
    draws = generator(0, "check", "machine-text")
    human, machine = np.array([0.4, 0.3, 0.2, 0.1]), np.array([0.25, 0.25, 0.25, 0.25])
    texts, labels, ratio = [], [], []
    for made in (human, machine):
        words = draws.choice(4, p=made, size=(1500, 6))
        texts += [" ".join("abcd"[w] for w in row) for row in words]
        ratio += list(np.log(machine / human)[words].sum(axis=1))
        labels += [made is machine] * 1500
    kinds, odds = np.array(labels), np.array(ratio)
    fit = np.arange(3000) % 2 == 0
    model = detector([t for t, f in zip(texts, fit, strict=True) if f], kinds[fit], strength=0.01)
    rest = [t for t, f in zip(texts, fit, strict=True) if not f]
    best, found = (area(s[~kinds[~fit]], s[kinds[~fit]]) for s in (odds[~fit], model.log_odds(rest)))
    # Weights of machine texts by the true ratio bring back the human share of the first word.
    weight = np.exp(-odds[kinds])
    share = np.array([t.count("a") / 6 for t, k in zip(texts, kinds, strict=True) if k])
    mean = float((weight * share).mean())
    error = float((weight * (share - 0.4)).std() / np.sqrt(len(share)))
    chains = refits(human, 20, 10, 4000, 0)
    apart = 1 - (chains**2).sum(axis=2)
    wanted = (1 - (human**2).sum()) * (1 - 1 / 20) ** 10
    slack = 4 * float(apart[10].std() / np.sqrt(4000))
    return [
        Truth(best, found, 0.03, "AUROC of the fitted detector, against the best there is"),
        Truth(0.4, mean / float(weight.mean()), 4 * error, "human share of a word, from machine texts by weight"),
        Truth(wanted, float(apart[10].mean()), slack, "diversity after ten refits"),
        _chains(),
        *_ratio(),
    ]


class Urn:
    """A language model that draws each word of a text by itself, in proportion to how often it was seen."""

    def __init__(self, words: int) -> None:
        self.words = words
        self.seen: list[str] = []

    def fit(self, train: Examples, seed: int) -> None:
        """Keep all words but the first of each text."""
        del seed
        self.seen = [word for text in train.inputs for word in str(text).split()[1:]]

    def score(self, requests: Sequence[tuple[str, str]]) -> list[Scored]:
        """Zero nats: nobody asks."""
        return [Scored(np.zeros(1), greedy=False) for _ in requests]

    def generate(self, draws: Sequence[Draw]) -> list[Generated]:
        """A fixed number of words for each draw."""
        ids, logs = np.zeros(self.words, dtype=np.int64), np.zeros(self.words)
        drawn = [" ".join(generator(draw.seed, "urn").choice(self.seen, self.words)) for draw in draws]
        return [Generated(f" {text}", ids, logs, stopped=True) for text in drawn]


def _chains() -> Truth:
    """A task's chain of a model that counts words, 100 times over: 8 texts of 5 words after a first one."""
    people = [
        f"start {' '.join(words)}" for words in np.array(list("aabcdeabcfabcdabgehaibbaacdeaabbccddeeff")).reshape(8, 5)
    ]
    how = Chain(generations=6, texts=8, keep="all", temperature=1.0)
    found = np.array([chain(Urn(5), people, how, ["a"], seed)[0][-1] for seed in range(100)])
    _, counts = np.unique([word for text in people for word in text.split()[1:]], return_counts=True)
    first, drawn = 8, 40
    apart = (1 - float(((counts / drawn) ** 2).sum())) * (1 - 1 / drawn) ** (how.generations - 1)
    pairs = first * (first - 1) + drawn * (drawn - 1) * (1 - apart)
    whole = (first + drawn) * (first + drawn - 1)
    slack = 4 * float(found.std() / np.sqrt(len(found)))
    return Truth(1 - pairs / whole, float(found.mean()), slack, "chance that words differ after six refits by a task")


def _ratio() -> Iterator[Truth]:
    """Texts of a person's coin (heads .5) and a model's (heads .8), ten tosses: AUROC of the ratio by enumeration."""
    draws = generator(1, "check", "machine-ratio")
    machine = np.arange(4000) % 2 == 1
    heads = draws.binomial(10, np.where(machine, 0.8, 0.5))
    log_model = heads * np.log(0.8) + (10 - heads) * np.log(0.2)
    record = Authored(
        ids=np.arange(4000).astype(np.str_),
        bytes=np.full(4000, 10),
        logprobs=Ragged.of(log_model[:, None], np.float64),
        truth=np.full(4000, 10 * np.log(0.5)),
        text=np.full(4000, "tosses", dtype=object),
        machine=machine,
    )
    from scipy.stats import binom

    law = [binom.pmf(np.arange(11), 10, p) for p in (0.8, 0.5)]
    best = float(law[0] @ (np.cumsum(law[1]) - law[1] / 2))
    score = machine_ratio(record)
    yield Truth(best, area(score[~machine], score[machine]), 0.02, "AUROC of the likelihood ratio, by enumeration")
