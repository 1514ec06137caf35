"""How well the words of a topic go together, and how probable documents are, by the word."""

from __future__ import annotations

import numpy as np

from bench.arrays import Float64s, Ints, Ragged


def npmi_coherence(topics: Ints, documents: Ragged, words: int) -> Float64s:
    """Mean normalised pointwise mutual information of all pairs of a topic's words, (T,), within [-1, 1].

    topics: word numbers (T, N).  documents: word numbers of each.  Two words occur together in a document that holds
    both; a pair that never does counts -1, and one that is in every document 1.  Source: Bouma 2009.
    """
    rows = np.repeat(np.arange(len(documents)), documents.lengths)
    held = np.zeros((len(documents), words))
    held[rows, documents.values.astype(np.int64)] = 1.0
    n = len(documents)
    seen = [held[:, row] for row in topics]
    together = np.stack([part.T @ part for part in seen]) / n
    alone = np.stack([part.mean(axis=0) for part in seen])
    product = alone[:, :, None] * alone[:, None, :]
    with np.errstate(divide="ignore", invalid="ignore"):
        npmi = np.log(together / product) / -np.log(together)
    npmi = np.where(together <= 0, -1.0, np.where(together >= 1, 1.0, npmi))
    first, second = np.triu_indices(topics.shape[1], 1)
    return np.asarray(npmi[:, first, second].mean(axis=1), dtype=np.float64)


def document_perplexity(log_probs: Float64s, lengths: Ints) -> float:
    """Exp of the mean over documents of -log p(document) / its words: every document counts the same.

    As topic models print it; `perplexity` of texts is over all words instead.
    """
    return float(np.exp(-(log_probs / lengths).mean()))
