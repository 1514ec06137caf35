"""Speculative sampling: texts of the model, drafted by a smaller one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from bench.capabilities import Machine
from bench.components import decoder
from bench.decisions import Decision, Prompt
from bench.decoders.budget import require
from bench.decoders.draws import Pool, stepped
from bench.decoders.single import decision
from bench.efficiency.rounds import Drafting, Trace, speculate
from bench.efficiency.stopping import fixed, threshold
from bench.language import LanguageModel
from bench.models.building import named_model


@dataclass(frozen=True)
class Speculated(Decision):
    """A decision that also says how its text was drafted, and what a drafted token costs in passes of the target."""

    trace: Trace = field(default_factory=Trace)
    draft_cost: float = 0.0


@decoder(
    "speculative",
    area="efficiency",
    source="Chen et al. 2023; Leviathan, Kalman and Matias 2023",
    papers=("Accelerating Large Language Model Decoding with Speculative Sampling",),
    check="speculative-sampling",
)
def speculative(
    model: LanguageModel,
    prompts: Sequence[Prompt],
    seed: int,
    draft: str = "lm-small",
    k: int = 4,
    temperature: float = 1.0,
    cost: float = 0.0,
) -> list[Decision]:
    """One sample of the model, with up to k tokens at a time drafted by another; confidence as in `sample`.

    draft: a model with the same tokenizer.  cost: that of a drafted token in passes of the target, for what is modelled
    from it (0: the ratio of floating-point operations).  At temperature 0 the text is the greedy one.
    """
    require(isinstance(k, int) and k >= 1, "speculative", "k", k, "a whole number of at least 1")
    return _decisions("speculative", model, prompts, seed, draft, Drafting(fixed(k), temperature), cost)


@decoder(
    "speculative-adaptive",
    area="efficiency",
    source="Huang, Guo and Wang 2024, SpecDec++ (with the entropy of the draft for a trained head)",
    papers=("SpecDec++: Boosting Speculative Decoding via Adaptive Candidate Lengths",),
    check="speculative-stopping",
)
def speculative_adaptive(
    model: LanguageModel,
    prompts: Sequence[Prompt],
    seed: int,
    draft: str = "lm-small",
    limit: float = 0.5,
    most: int = 12,
    doubt: float = 0.5,
    temperature: float = 1.0,
    cost: float = 0.0,
) -> list[Decision]:
    """As `speculative`, drafting on while the foreseen chance of a rejection so far is at most `limit`.

    A drafted token's chance to pass is foreseen as exp(-doubt · entropy of the draft's distribution); a round drafts
    `most` tokens at most.
    """
    name = "speculative-adaptive"
    require(0 <= limit <= 1, name, "limit", limit, "from 0 to 1")
    require(isinstance(most, int) and most >= 1, name, "most", most, "a whole number of at least 1")
    require(doubt >= 0, name, "doubt", doubt, "at least 0")
    how = Drafting(threshold(limit, most), temperature, doubt)
    return _decisions(name, model, prompts, seed, draft, how, cost)


def _decisions(
    name: str,
    model: LanguageModel,
    prompts: Sequence[Prompt],
    seed: int,
    draft: str,
    how: Drafting,
    cost: float,
) -> list[Decision]:
    require(how.temperature >= 0, name, "temperature", how.temperature, "at least 0")
    require(cost >= 0, name, "cost", cost, "at least 0")
    target = stepped(model, name)
    drafting = stepped(named_model(draft, getattr(model, "machine", Machine())), name)
    each = cost or _cost(target, drafting)
    out: list[Decision] = []
    for prompt, (text, trace) in zip(prompts, speculate(target, drafting, prompts, seed, how), strict=True):
        found = decision(Pool((text,), (prompt.extract(text.text),)), name)
        out.append(Speculated(found.answer, found.confidence, found.pool, trace, each))
    return out


def _cost(target: Any, draft: Any) -> float:
    """Operations of a token of the draft over those of the target; 1 where they are not known."""
    if hasattr(target, "token_flops") and hasattr(draft, "token_flops"):
        return float(draft.token_flops() / target.token_flops())
    return 1.0
