"""Which texts say the same, and how alike they are: the relation that semantic scores are built on.

exact: equal texts.  normalised: equal but for case, punctuation, articles and spaces.  rouge-l, jaccard: words in
common.  embedding: cosine of the model's states.  nli: entailment both ways, by a classifier (`model=`).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from itertools import pairwise

import numpy as np

from bench.arrays import Float64s, Ints
from bench.components import NotApplicable
from bench.errors import unknown_name
from bench.records import Generations
from bench.semantics.entailment import Pair, entailment
from bench.semantics.pools import Draws, draws
from bench.semantics.rouge import rouge_l, words

RELATIONS = ("exact", "normalised", "rouge-l", "jaccard", "embedding", "nli")
SAME = 0.9  # similarity from which texts count as one meaning, where the relation has no answer of its own
_ARTICLES = re.compile(r"\b(a|an|the)\b")
_PUNCTUATION = re.compile(r"[^\w\s.]|(?<!\d)\.|\.(?!\d)")


def normalised(text: str) -> str:
    """In lower case, without punctuation, articles and needless spaces; points within numbers stay (SQuAD's rule)."""
    return " ".join(_ARTICLES.sub(" ", _PUNCTUATION.sub(" ", text.lower())).split())


def similarities(record: Generations, relation: str, model: str = "") -> list[Float64s]:
    """How alike the draws of each prompt are: matrices (m, m) in [0, 1], symmetric, with ones on the diagonal.

    Of nli it is the mean of both directions' P(entailment).
    """
    require(relation)
    own = draws(record)
    if relation == "nli":
        return [(p[..., 0] + p[..., 0].T) / 2 for p in entailments(own, model)]
    if relation == "embedding":
        return _cosines(own)
    texts = own.meanings if relation in {"exact", "normalised"} else own.texts
    return [_pairwise(texts[places].tolist(), PLAIN[relation]) for places in _places(own)]


def meanings(record: Generations, relation: str, model: str = "") -> Ints:
    """The class of each draw, numbered 0, 1, ... within its prompt in order of first appearance, (total,).

    exact, normalised: by equality.  Else a draw joins the first class whose first member it is equivalent to (Kuhn et
    al. 2023); nli: each entails the other, as the likeliest of the three classes; others: similarity of at least .9.
    """
    require(relation)
    own = draws(record)
    out = np.empty(len(own.rows.values), dtype=np.int64)
    if relation in {"exact", "normalised"}:
        said = own.meanings if relation == "exact" else np.array([normalised(t) for t in own.meanings], dtype=object)
        for places in _places(own):
            out[places] = _first_seen(said[places].tolist())
        return out
    if relation == "nli":
        same = [(e := p.argmax(axis=2) == 0) & e.T for p in entailments(own, model)]
    else:
        same = [s >= SAME for s in similarities(record, relation, model)]
    for places, matrix in zip(_places(own), same, strict=True):
        out[places] = _joined(matrix)
    return out


def entailments(own: Draws, model: str) -> list[Float64s]:
    """P(entailment, neutral, contradiction) of each ordered pair of a prompt's draws, (m, m, 3), in one call.

    The texts alone are compared, as LM-Polygraph does (Kuhn et al. 2023 put the question before both).  Equal texts
    entail each other, unasked.
    """
    judge = entailment(model)
    places = _places(own)
    texts = [own.texts[p].tolist() for p in places]
    pairs: list[Pair] = [(a, b) for each in texts for a in each for b in each if a != b]
    found = iter(judge(pairs))
    out = []
    for each in texts:
        matrix = np.empty((len(each), len(each), 3))
        for i, a in enumerate(each):
            for j, b in enumerate(each):
                matrix[i, j] = next(found) if a != b else (1.0, 0.0, 0.0)
        out.append(matrix)
    return out


def require(relation: str) -> None:
    """Raise for a relation that is not known."""
    if relation not in RELATIONS:
        raise unknown_name("relation", relation, RELATIONS, listing=", ".join(RELATIONS))


def _places(own: Draws) -> list[slice]:
    offsets = own.rows.offsets.tolist()
    return [slice(a, b) for a, b in pairwise(offsets)]


def _pairwise(texts: Sequence[str], alike: Callable[[str, str], float]) -> Float64s:
    """Similarity of all pairs, each pair of different texts asked once."""
    different = {text: k for k, text in enumerate(dict.fromkeys(texts))}
    each = list(different)
    small = np.eye(len(each))
    for i, a in enumerate(each):
        for j in range(i):
            small[i, j] = small[j, i] = alike(a, each[j])
    code = [different[text] for text in texts]
    return small[np.ix_(code, code)]


def _jaccard(a: str, b: str) -> float:
    first, second = set(words(a)), set(words(b))
    return len(first & second) / len(first | second) if first | second else 1.0


# Relations of two texts that need no model.
PLAIN: dict[str, Callable[[str, str], float]] = {
    "exact": lambda a, b: float(a == b),
    "normalised": lambda a, b: float(normalised(a) == normalised(b)),
    "rouge-l": rouge_l,
    "jaccard": _jaccard,
}


def states_of(own: Draws) -> list[Float64s]:
    """The states of each prompt's draws, (m, width) each."""
    states = own.record.states
    if states is None:
        raise NotApplicable("the record has no 'states' of its generations")
    counts = own.record.text.lengths
    begins = own.record.text.offsets[:-1]
    out = []
    for i, places in enumerate(_places(own)):
        out.append(states[i].reshape(int(counts[i]), -1)[own.rows.values[places] - begins[i]])
    return out


def _cosines(own: Draws) -> list[Float64s]:
    out = []
    for rows in states_of(own):
        unit = rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-300)
        cosine = np.clip(unit @ unit.T, 0.0, 1.0)
        np.fill_diagonal(cosine, 1.0)
        out.append(cosine)
    return out


def _first_seen(values: Sequence[str]) -> list[int]:
    seen: dict[str, int] = {}
    return [seen.setdefault(value, len(seen)) for value in values]


def _joined(same: Float64s) -> list[int]:
    firsts: list[int] = []
    out: list[int] = []
    for i in range(len(same)):
        found = next((k for k, first in enumerate(firsts) if same[first, i]), len(firsts))
        if found == len(firsts):
            firsts.append(i)
        out.append(found)
    return out
