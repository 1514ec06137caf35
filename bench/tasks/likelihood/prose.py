"""Stories from a source whose entropy is known, of the domain that the embedded models learnt and of another."""

from __future__ import annotations

from itertools import count
from random import Random

import numpy as np

from bench.components import task
from bench.examples import Examples
from bench.procedural import prose, split_of
from bench.records import Tokens
from bench.seeds import derive

STORIES = 60
_SOURCE = "bench, procedural: a unifilar Markov source; its entropy is exact (Shannon 1948)"


@task("likelihood/prose", needs="language", yields=Tokens, source=_SOURCE)
def meadow(seed: int) -> Examples:
    """60 held-out stories of the domain in the embedded models' training text; `truth` is their exact log-probability.

    A model that has learnt the source reaches it on average and cannot exceed it, apart from sampling error.
    """
    return _stories("meadow", seed)


@task("likelihood/prose-shifted", needs="language", yields=Tokens, source=_SOURCE)
def harbor(seed: int) -> Examples:
    """60 stories of a domain of other words and probabilities, which the embedded models never saw."""
    return _stories("harbor", seed)


def _stories(domain: str, seed: int) -> Examples:
    """Distinct stories whose openings are not in the training text; `truth` under the domain's own source, nats."""
    texts: dict[str, None] = {}
    for k in count():
        if len(texts) == STORIES:
            break
        text = prose.story(Random(derive(seed, "likelihood/prose", domain, k)), domain)
        if split_of(prose.split_story(text)[0]) == "test":
            texts[text] = None
    return Examples(
        ids=np.array([f"{domain}-{k}" for k in range(STORIES)]),
        inputs=list(texts),
        truth=np.array([prose.log_prob(text, domain) for text in texts]),
    )
