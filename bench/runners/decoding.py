"""Which decoders a run compares, and what each may spend."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from dataclasses import replace

from bench.components import Decoder
from bench.registry import components, find
from bench.runners.wanted import ALL
from bench.specs import Spec, parse

BUDGET = "budget"


def compared(texts: Sequence[str], budget: int | None) -> list[Spec]:
    """The decoders that are named, `all` standing for every one of reasoning, each with the budget.

    Those of efficiency give the same texts as `sample`, only sooner, and those that denoise need a model that fills in
    hidden tokens, so `all` leaves them out.
    """
    named: list[Spec] = []
    for text in texts:
        own = [one for one in components(Decoder).values() if one.area == "reasoning" and not one.denoises]
        every = [decoder.name for decoder in own]
        named += [parse(name) for name in every] if text == ALL else [parse(text)]
    return [within(spec, budget) for spec in dict.fromkeys(named)]


def within(spec: Spec, budget: int | None) -> Spec:
    """The decoder with a budget of so many tokens a prompt, if it takes one and names none itself."""
    takes = BUDGET in inspect.signature(find(Decoder, spec.name).function).parameters
    if budget is None or not takes or BUDGET in spec.params:
        return spec
    return replace(spec, params={**spec.params, BUDGET: budget})
