"""HEX: votes over the texts of a masked-diffusion model that several orders of unmasking give."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from bench.components import decoder
from bench.decisions import Cost, Decision, Prompt
from bench.decoders.budget import require, require_budget
from bench.decoders.draws import Pool
from bench.decoders.self_consistency import elect
from bench.errors import UsageError
from bench.language import Denoising, LanguageModel
from bench.models.unmasking import Unmasked, unmask
from bench.seeds import generator

HEX = "Test-Time Scaling in Diffusion LLMs via Hidden Semi-Autoregressive Experts"


@decoder("hex", source="Lee et al. 2025, Hidden Semi-Autoregressive Experts", papers=(HEX,), check="hex", denoises=True)
def hex_(
    model: LanguageModel,
    prompts: Sequence[Prompt],
    seed: int,
    blocks: str = "1+2+4+8+16",
    n: int = 1,
    temperature: float = 0.9,
    per_pass: int = 1,
    budget: int = 0,
) -> list[Decision]:
    """The answer that most texts give, n of each size of block, for a masked-diffusion model (`lm-masked`).

    blocks: sizes, joined by +.  Blocks are filled from left to right, the surest tokens of a block first, `per_pass`
    of them in a pass.  The pool has the texts in the order of the sizes, and again for each further draw; calls are
    passes.  With a budget as many whole rounds of all sizes are drawn as it surely bears, else as many sizes.
    """
    name = "hex"
    sizes = _sizes(blocks)
    require(isinstance(n, int) and n >= 1, name, "n", n, "a whole number of at least 1")
    require(isinstance(per_pass, int) and per_pass >= 1, name, "per_pass", per_pass, "a whole number of at least 1")
    require(temperature >= 0, name, "temperature", temperature, "at least 0")
    require_budget(name, budget)
    if not isinstance(model, Denoising):
        raise UsageError(
            f"'{name}' can't run on this model",
            cause="it fills in hidden tokens in several orders, and this model writes from left to right",
            fix="bench eval -m lm-masked -t reasoning/arithmetic --decoder hex",
        )
    asked = model.encoded([prompt.text for prompt in prompts])
    found: list[list[Unmasked]] = [[] for _ in prompts]
    for lengths in {(min(model.canvas, p.max_tokens), p.stop) for p in prompts}:
        length, stop = lengths
        own = [k for k, p in enumerate(prompts) if (min(model.canvas, p.max_tokens), p.stop) == lengths]
        most = max(1, budget // max(1, length)) if budget else n * len(sizes)
        # Whole rounds weigh every size alike; where not even one fits, as many sizes as do.
        schedule = (sizes * (most // len(sizes)) if budget and most >= len(sizes) else sizes * n)[:most]
        for turn, size in enumerate(schedule):
            noise = np.array([generator(seed, name, prompts[k].id, turn).random(length) for k in own])
            texts = unmask(model, [asked[k] for k in own], noise, stop, size, temperature, per_pass)
            for k, text in zip(own, texts, strict=True):
                found[k].append(text)
    return [_decided(prompt, texts) for prompt, texts in zip(prompts, found, strict=True)]


def _decided(prompt: Prompt, texts: Sequence[Unmasked]) -> Decision:
    pool = Pool(tuple(one.generated for one in texts), tuple(prompt.extract(one.generated.text) for one in texts))
    chosen = elect(pool, np.ones(len(texts)))
    cost = Cost(sum(one.drawn for one in texts), sum(one.passes for one in texts))
    return Decision(chosen.answer, chosen.confidence, pool.texts, cost=cost)


def _sizes(blocks: str | int) -> tuple[int, ...]:
    parts = str(blocks).split("+")
    require(all(part.isdigit() and int(part) > 0 for part in parts), "hex", "blocks", blocks, "sizes such as 4+8+16")
    return tuple(map(int, parts))
