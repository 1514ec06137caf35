"""DocNADE against a sum over all documents and a naive recursion; coherence of topics by hand."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np

from bench.arrays import Float64s, Ints, Ragged
from bench.checks.cases import exact
from bench.components import Truth, check
from bench.metrics.topics import document_perplexity, npmi_coherence
from bench.models.docnade import DOCNADE, log_probs, network
from bench.models.modules import seeded

WORDS, TOPICS, LENGTH = 4, 5, 3


@check("likelihood/docnade", area="likelihood", source="enumeration; Bouma 2009", papers=(DOCNADE,))
def docnade() -> list[Truth]:
    """Probabilities of all documents of each length sum to 1, and the one pass is the recursion, word by word."""
    import torch

    every = np.array(list(product(range(WORDS), repeat=LENGTH)))
    held: dict[float, Any] = {}
    for mixing in (0.0, 0.7):
        with seeded(1):
            held[mixing] = network(WORDS, TOPICS, mixing)

    def logs(mixing: float, documents: Ints) -> Float64s:
        with torch.no_grad():
            return np.asarray(log_probs(held[mixing], torch.as_tensor(documents), mixing).numpy(), dtype=np.float64)

    with seeded(1), torch.no_grad():
        flat = network(WORDS, TOPICS, 0.0)
        flat["words"].weight.zero_()
        flat["words"].bias.zero_()
        even = log_probs(flat, torch.as_tensor(every), 0.0).sum(dim=1).numpy()
    shared = held[0.7]
    plain = {k: shared[k] for k in ("topics", "offset", "words")}
    with torch.no_grad():
        unmixed = log_probs(shared, torch.as_tensor(every), 0.0).numpy()
    truths = [
        exact(1.0, float(np.exp(logs(m, every[:, :k]).sum(axis=1)).sum()) / WORDS ** (LENGTH - k), f"{n}, length {k}")
        for m, n in ((0.0, "DocNADE"), (0.7, "with context"))
        for k in (1, 2, 3)
    ]
    documents = Ragged.of([[0, 1], [0, 1], [2], [3]], np.int64)
    # p(0) = p(1) = p(0, 1) = 1/2: log 2 / log 2; 2 and 3 are never together.
    coherence = npmi_coherence(np.array([[0, 1], [2, 3], [0, 2]]), documents, WORDS)
    return [
        *truths,
        exact(0.0, float(np.abs(unmixed - _naive(plain, every)).max()), "against the recursion, word by word"),
        exact(float(WORDS), document_perplexity(even, np.full(len(every), LENGTH)), "perplexity of even odds"),
        exact(1.0, float(coherence[0]), "coherence of two words that always come together"),
        exact(-1.0, float(coherence[1]), "of two that never do"),
        exact(0.0, float(abs(_independent())), "of two that are independent"),
    ]


def _independent() -> float:
    documents = Ragged.of([[0, 1], [0], [1], [2]], np.int64)
    return float(npmi_coherence(np.array([[0, 1]]), documents, WORDS)[0])


def _naive(held: dict[str, Any], documents: Ints) -> Float64s:
    """The same log-probabilities by a loop over places and over all words before each."""
    w, u = held["topics"].weight.detach().numpy(), held["words"].weight.detach().numpy()
    b, c = held["words"].bias.detach().numpy(), held["offset"].weight.detach().numpy()[:, 0]
    found = np.empty(documents.shape)
    for row, document in enumerate(documents):
        for place, word in enumerate(document):
            hidden = c + sum((w[k] for k in document[:place]), start=np.zeros_like(c))
            logits = b + u @ (1 / (1 + np.exp(-hidden)))
            found[row, place] = logits[word] - np.logaddexp.reduce(logits)
    return found
