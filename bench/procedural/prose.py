"""Sentences from a Markov source whose entropy is known exactly, in two domains.

A source is a chain of slots.  In each slot a word is drawn from a distribution that hangs on the slot and
on one remembered content word, and the word decides the next state: the source is unifilar, so the state is
known from the text, the probability of a text is a product, and the entropy rate is
``sum_s pi(s) H(word | s)`` (Shannon 1948).  The meadow domain is in the zoo's training text; the harbor
domain, with other words and other probabilities, is not, and serves as the shifted domain: its entropy per
word is the same, so that a difference in likelihood between the two is the shift's and not the text's.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache
from random import Random

import numpy as np

from bench.procedural.items import Item, check_difficulty, digest

KIND = "prose"
DIFFICULTIES = 3
DOMAINS = ("meadow", "harbor")
SENTENCES = 4

State = tuple[str, str]
"""(slot, remembered word)"""
START: State = ("determiner", "")

_DETERMINERS = ("the", "one", "every")
_ARTICLES = ("some", "that")
_PREPOSITIONS = ("near", "behind", "under")


@dataclass(frozen=True)
class Vocabulary:
    """The content words of a domain.  No word is in two of the slots."""

    adjectives: tuple[str, ...]
    subjects: tuple[str, ...]
    verbs: tuple[str, ...]
    objects: tuple[str, ...]
    places: tuple[str, ...]


VOCABULARIES = {
    "meadow": Vocabulary(
        adjectives=("gray", "small", "quick", "old", "quiet"),
        subjects=("fox", "hare", "owl", "mole", "deer", "hen"),
        verbs=("sees", "hears", "hides", "finds", "wants", "guards"),
        objects=("seed", "nest", "apple", "root", "berry", "leaf"),
        places=("hill", "barn", "oak", "brook", "fence"),
    ),
    "harbor": Vocabulary(
        adjectives=("wet", "rusty", "tall", "loud", "salty"),
        subjects=("sailor", "gull", "captain", "crab", "pilot", "seal"),
        verbs=("mends", "carries", "drops", "ties", "paints", "lifts"),
        objects=("rope", "net", "anchor", "crate", "lamp", "sail"),
        places=("pier", "ship", "tower", "quay", "dock"),
    ),
}


@dataclass(frozen=True)
class Arc:
    """One way out of a state: the word, its probability in (0, 1], and the state after it."""

    word: str
    probability: float
    after: State


Source = dict[State, tuple[Arc, ...]]


@cache
def source(domain: str) -> Source:
    """The source of a domain: for each state its arcs, whose probabilities sum to 1.

    ``ValueError`` for an unknown domain.
    """
    if domain not in VOCABULARIES:
        raise ValueError(f"prose has the domains {', '.join(DOMAINS)}, not {domain!r}")
    words = VOCABULARIES[domain]
    states: Source = {}
    for topic in ("", *words.objects):
        # A sentence's subject leans on the object of the sentence before it, so that sentences hang together.
        start = ("determiner", topic)
        states[start] = _arcs(domain, start, _DETERMINERS, "subject", topic)
        subject, described = ("subject", topic), ("described", topic)
        nouns = _weigh(domain, f"subject/{topic}", words.subjects)
        adjectives = _weigh(domain, "adjective", words.adjectives)
        states[subject] = (
            *(Arc(word, 0.3 * p, described) for word, p in adjectives),
            *(Arc(word, 0.7 * p, ("verb", word)) for word, p in nouns),
        )
        states[described] = tuple(Arc(word, p, ("verb", word)) for word, p in nouns)
    for noun in words.subjects:
        states["verb", noun] = _arcs(domain, ("verb", noun), words.verbs, "article")
    for verb in words.verbs:
        article = ("article", verb)
        states[article] = _arcs(domain, article, _ARTICLES, "object", verb)
        states["object", verb] = _arcs(domain, ("object", verb), words.objects, "end")
    for noun in words.objects:
        near = _weigh(domain, f"end/{noun}", _PREPOSITIONS)
        states["end", noun] = (
            Arc(".", 0.6, ("determiner", noun)),
            *(Arc(word, 0.4 * p, ("its", noun)) for word, p in near),
        )
        states["its", noun] = (Arc("its", 1.0, ("place", noun)),)
        states["place", noun] = _arcs(domain, ("place", noun), words.places, "stop", noun)
        states["stop", noun] = (Arc(".", 1.0, ("determiner", noun)),)
    return states


def story(rng: Random, domain: str = "meadow", sentences: int = SENTENCES) -> str:
    """A text of that many sentences from the start state, with capitals and spaces, and no newline."""
    state = START
    words: list[str] = []
    while sentences:
        arcs = source(domain)[state]
        arc = rng.choices(arcs, weights=[arc.probability for arc in arcs])[0]
        words.append(arc.word)
        sentences -= arc.word == "."
        state = arc.after
    return _render(words)


def log_prob(text: str, domain: str = "meadow") -> float:
    """The exact log-probability (nats) of a text given its number of sentences; -inf if impossible."""
    state, total = START, 0.0
    for word in _words(text):
        arc = next((arc for arc in source(domain)[state] if arc.word == word), None)
        if arc is None:
            return -math.inf
        total += math.log(arc.probability)
        state = arc.after
    return total if state[0] == "determiner" else -math.inf


def entropy_rate(domain: str = "meadow", unit: str = "word") -> float:
    """The entropy of the endless text, in nats per ``"word"`` (a full stop counts as one) or per ``"byte"``.

    Exact up to rounding: the stationary distribution of the states is solved for.
    """
    if unit not in ("word", "byte"):
        raise ValueError(f"the unit is 'word' or 'byte', not {unit!r}")
    states = [state for state in source(domain) if state != START]
    stationary = _stationary(domain, states)
    arcs = [source(domain)[state] for state in states]
    entropy = [-sum(arc.probability * math.log(arc.probability) for arc in out) for out in arcs]
    rate = float(stationary @ np.array(entropy))
    if unit == "word":
        return rate
    # A word takes its letters and the space before it; a full stop takes one byte.
    size = [sum(a.probability * (1 if a.word == "." else len(a.word) + 1) for a in out) for out in arcs]
    return rate / float(stationary @ np.array(size))


def draw(rng: Random, difficulty: int, domain: str = "meadow") -> Item:
    """Which sentence goes on with the story: the source's own, or the same one with its words disturbed?

    Difficulty 1 shuffles the words and 2 puts a verb where the object was, which the source never does.  In 3
    the sentences differ in a possible object, and the answer is the more probable of the two.
    """
    check_difficulty(KIND, difficulty, DIFFICULTIES)
    prompt, sentence = split_story(story(rng, domain))
    if difficulty == 1:
        disturbed = _shuffled(rng, sentence, domain)
    else:
        words = VOCABULARIES[domain].verbs if difficulty == 2 else VOCABULARIES[domain].objects
        disturbed = _replaced(rng, sentence, words, domain)
    # Stable sort: the source's own sentence stays first where both are equally probable.
    sentence, disturbed = sorted((sentence, disturbed), key=lambda text: -log_prob(f"{prompt} {text}", domain))
    choices = [sentence, disturbed]
    rng.shuffle(choices)
    name = f"{KIND}-{digest(prompt + sentence + disturbed)}"
    return Item(
        id=name,
        kind=KIND,
        prompt=prompt,
        solution=f" {sentence}\n",
        answer=sentence,
        difficulty=difficulty,
        choices=tuple(choices),
        group=name,
    )


def split_story(text: str) -> tuple[str, str]:
    """A story as its prompt (all sentences but the last) and its last sentence."""
    prompt, _, sentence = text.rpartition(". ")
    return f"{prompt}.", sentence


def _shuffled(rng: Random, sentence: str, domain: str) -> str:
    """The words of the sentence in an order that the source never writes."""
    words = _words(sentence)[:-1]
    while log_prob(shuffled := _render([*rng.sample(words, len(words)), "."]), domain) > -math.inf:
        pass
    return shuffled


def _replaced(rng: Random, sentence: str, words: tuple[str, ...], domain: str) -> str:
    """The sentence with its object replaced by another of these words."""
    objects = VOCABULARIES[domain].objects
    own = _words(sentence)
    place = next(i for i, word in enumerate(own) if word in objects)
    own[place] = rng.choice([word for word in words if word != own[place]])
    return _render(own)


def _stationary(domain: str, states: list[State]) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """The stationary distribution [states] of the source's recurrent states."""
    index = {state: i for i, state in enumerate(states)}
    moves = np.zeros((len(states), len(states)))
    for state in states:
        for arc in source(domain)[state]:
            moves[index[state], index[arc.after]] += arc.probability
    # pi (P - 1) = 0 and sum(pi) = 1.  States that cannot be reached again get probability 0.
    system = np.vstack([moves.T - np.eye(len(states)), np.ones(len(states))])
    target = np.append(np.zeros(len(states)), 1.0)
    solution: np.ndarray[tuple[int], np.dtype[np.float64]] = np.linalg.lstsq(system, target, rcond=None)[0]
    return solution


def _weigh(domain: str, slot: str, words: tuple[str, ...]) -> list[tuple[str, float]]:
    """The words of a slot with probabilities: halving weights in an order drawn for this domain and slot."""
    order = Random(f"prose/{domain}/{slot}").sample(words, len(words))
    total = sum(0.5**rank for rank in range(len(order)))
    return [(word, 0.5**rank / total) for rank, word in enumerate(order)]


def _arcs(domain: str, state: State, words: tuple[str, ...], slot: str, keep: str | None = None) -> tuple[Arc, ...]:
    """The arcs of a state into a slot, which remembers the word just drawn, or ``keep`` where given."""
    weighed = _weigh(domain, "/".join(state), words)
    return tuple(Arc(word, p, (slot, word if keep is None else keep)) for word, p in weighed)


def _render(words: list[str]) -> str:
    """Words as text: a capital at the start of each sentence, no space before a full stop."""
    sentences = " ".join(words).replace(" .", ".").split(". ")
    return ". ".join(sentence[:1].upper() + sentence[1:] for sentence in sentences)


def _words(text: str) -> list[str]:
    """The words of a rendered text; a full stop is a word."""
    return text.replace(".", " . ").lower().split()
