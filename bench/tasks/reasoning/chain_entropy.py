"""How much each step of a model's own chain tells it about the right answer."""

from __future__ import annotations

import inspect
import re
from functools import partial
from typing import Any

import numpy as np

from bench.arrays import Ragged
from bench.components import task
from bench.errors import UsageError
from bench.examples import Examples, Reading
from bench.language import Details, Draw, LanguageModel, Scored
from bench.metrics.chains import PAPERS, SOURCE
from bench.procedural import extract_answer, items
from bench.records import Chains
from bench.seeds import derive
from bench.tasks.asking import Asked

QUESTIONS = 60
_STEP = re.compile(r"[^.\n]*\.")
CUE = " So"


@task(
    "reasoning/chain-entropy",
    needs="language",
    yields=Chains,
    source=SOURCE,
    papers=PAPERS,
    check="reasoning/chain-entropy",
)
def chain_entropy(seed: int, questions: int = QUESTIONS) -> Examples:
    """60 sums of two to four operations, answered greedily; after each step, the entropy of the right answer's tokens.

    A chain is cut after each full stop before its answer.  The model scores the right answer itself, so that a chain
    that goes wrong should leave it no surer, or surer of another number.
    """
    drawn = [item for level in (2, 3, 4) for item in items("arithmetic", questions // 3, seed, difficulty=level)]
    return Examples(
        ids=np.array([item.id for item in drawn]),
        inputs=[item.prompt for item in drawn],
        targets=np.array([item.answer for item in drawn]),
        reading=Reading(extract=partial(extract_answer, "arithmetic"), max_tokens=72),
        asker=Asked(ask),
    )


def ask(model: LanguageModel, _: Any, batch: Examples, seed: int, common: dict[str, Any]) -> Chains:
    """Greedy chains, then the right answer scored after each number of steps."""
    reading = batch.reading or Reading(extract=partial(extract_answer, "arithmetic"))
    prompts, targets = [str(text) for text in batch.inputs], [str(target) for target in np.asarray(batch.targets)]
    draws = [
        Draw(prompt, derive(seed, "chain", str(id_)), stop=reading.stop, max_tokens=reading.max_tokens)
        for prompt, id_ in zip(prompts, batch.ids, strict=True)
    ]
    texts = model.generate(draws)
    steps = [split(text.text) for text in texts]
    requests = [
        (prompt + "".join(some[:t]), f"{CUE} {target}.")
        for prompt, some, target in zip(prompts, steps, targets, strict=True)
        for t in range(len(some) + 1)
    ]
    scored = iter(entropies(model, requests))
    rows = [[next(scored) for _ in range(len(some) + 1)] for some in steps]
    return Chains(
        **common,
        entropy=Ragged.of([[entropy for entropy, _ in row] for row in rows], np.float64),
        nll=Ragged.of([[nll for _, nll in row] for row in rows], np.float64),
        correct=np.array([reading.extract(t.text) == target for t, target in zip(texts, targets, strict=True)]),
        tokens=np.array([len(text.logprobs) for text in texts]),
        text=np.array([text.text for text in texts], dtype=object),
    )


def split(text: str) -> list[str]:
    """The steps of a chain: up to each full stop, the answer after the cue left out."""
    return [step for step in _STEP.findall(text.partition(CUE)[0]) if step.strip(" .")]


def entropies(model: LanguageModel, requests: list[tuple[str, str]]) -> list[tuple[float, float]]:
    """Mean entropy and mean negative log-probability, nats a token, of each continuation after the cue in it."""
    if "details" not in inspect.signature(model.score).parameters:
        raise UsageError(
            "the model doesn't tell the entropy of its next token",
            cause="only models whose probabilities of all tokens are at hand do",
            fix="take a local model (hf:… or an embedded one)",
        )
    # The cue is said before the answer is asked for: what is uncertain in it is not the answer.
    said = [(context + CUE, continuation.removeprefix(CUE)) for context, continuation in requests]
    found: list[Scored] = model.score(said, details=Details(entropy=True))  # type: ignore[call-arg]
    out = []
    for scored in found:
        if scored.details is None or scored.details.entropy is None:
            raise UsageError("the model told no entropies", cause="its adapter left them out", fix="mend its score")
        out.append((float(scored.details.entropy[:-1].mean()), float(-scored.logprobs[:-1].mean())))
    return out
