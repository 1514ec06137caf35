"""Train `lm-masked`, the embedded masked-diffusion language model: ``python -m bench.zoo.masked --out DIR``.

It starts as `lm-tuned` and learns to fill in hidden tokens of worked sums with what stands on both sides of them in
view (Gong et al. 2024: a causal model becomes a masked-diffusion one, with its shift by one token kept: the state of
the token before a place says what stands there).  The hidden ones are any number of the canvas, as in masked
diffusion, or in half of the rows some of one block and all that follow it, as blocks that are filled one after the
other see it (Arriola et al. 2025).  One thread and fixed seeds, as `bench.zoo.train`.
"""

from __future__ import annotations

import argparse
import logging
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from tokenizers import Tokenizer
from transformers import LlamaForCausalLM

from bench.arrays import Bools
from bench.procedural import DIFFICULTIES, stream
from bench.seeds import generator
from bench.zoo import CHECKPOINTS, tokenizer
from bench.zoo.recipes import RECIPES, Recipe
from bench.zoo.train import digest_of, optimiser_of, save

log = logging.getLogger("bench.zoo")

NAME = "lm-masked"
KIND = "arithmetic"
# Tokens that follow a prompt: those of the longest worked sum, and end tokens behind a shorter one.
CANVAS = 48
RECIPE = Recipe(
    NAME, RECIPES["lm-tuned"].mix, steps=260, learning_rate=2e-3, seed=4, batch=24, warmup=20, parent="lm-tuned"
)
_BLOCK = 16
_REPORT_EVERY = 20


@dataclass(frozen=True)
class Batch:
    """tokens (b, L): a prompt, its canvas, and padding; real (b, L): what is no padding; starts (b,): of the canvas."""

    tokens: torch.Tensor
    real: torch.Tensor
    starts: torch.Tensor


def train(recipe: Recipe, out: Path) -> Path:
    """Train from the recipe's parent and write to ``out / recipe.name``; returns the folder."""
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    torch.manual_seed(recipe.seed)
    words = tokenizer.build()
    model = LlamaForCausalLM.from_pretrained(CHECKPOINTS / str(recipe.parent), dtype=torch.float32)
    optimiser, schedule = optimiser_of(model, recipe)
    draws = generator(recipe.seed, NAME, "masks")
    hidden_token = words.get_vocab()["<pad>"]
    began, recent = time.monotonic(), []
    for step, batch in enumerate(_batches(recipe, words), start=1):
        hidden = torch.from_numpy(masks(draws, recipe.batch))
        loss = loss_of(model, batch, hidden, hidden_token)
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        schedule.step()
        optimiser.zero_grad()
        recent.append(loss.item())
        if step % _REPORT_EVERY == 0 or step == recipe.steps:
            spent = time.monotonic() - began
            log.info("%s step %d/%d loss %.3f %.0f s", NAME, step, recipe.steps, sum(recent) / len(recent), spent)
            recent.clear()
    return save(model, words, out / recipe.name)


def loss_of(model: LlamaForCausalLM, batch: Batch, hidden: torch.Tensor, hidden_token: int) -> torch.Tensor:
    """Mean over rows of the mean surprise of their hidden tokens, nats.  hidden: (b, CANVAS)."""
    place = batch.starts[:, None] + torch.arange(CANVAS)
    truth = batch.tokens.gather(1, place)
    seen = batch.tokens.scatter(1, place, torch.where(hidden, hidden_token, truth))
    logits = model(input_ids=seen, attention_mask=batch.real[:, None, None].expand(-1, 1, seen.shape[1], -1)).logits
    logits = logits.gather(1, (place - 1)[..., None].expand(-1, -1, logits.shape[-1]))
    losses = torch.nn.functional.cross_entropy(logits.transpose(1, 2), truth, reduction="none") * hidden
    return (losses.sum(dim=1) / hidden.sum(dim=1)).mean()


def masks(draws: np.random.Generator, rows: int) -> Bools:
    """Which tokens of each canvas are hidden, (rows, CANVAS), at least one.

    Even rows: a number of them spread evenly over the batch, anywhere.  Odd rows: all behind a block, and any number
    within it.
    """
    noise = draws.random((rows, CANVAS))
    share = (np.arange(rows) + draws.random(rows)) / rows
    first = draws.permutation(CANVAS)[np.arange(rows) % CANVAS]
    span = np.minimum(_BLOCK, CANVAS - first)
    anywhere = noise.argsort(axis=1).argsort(axis=1) < 1 + np.floor(CANVAS * share)[:, None]
    at = np.arange(CANVAS)[None] - first[:, None]
    inside = (at >= 0) & (at < span[:, None])
    order = np.where(inside, noise, 2.0).argsort(axis=1).argsort(axis=1)
    block = (at >= span[:, None]) | (order < 1 + np.floor(span * draws.random(rows))[:, None])
    return np.where((np.arange(rows) % 2 == 0)[:, None], anywhere, block)


def _batches(recipe: Recipe, words: Tokenizer) -> Iterator[Batch]:
    streams = [stream(KIND, recipe.seed, "train", level) for level in range(1, DIFFICULTIES[KIND] + 1)]
    end = words.get_vocab()["</s>"]
    for _ in range(recipe.steps):
        rows: list[list[int]] = []
        starts = []
        while len(rows) < recipe.batch:
            item = next(streams[len(rows) % len(streams)])
            prompt = words.encode(item.prompt).ids
            rest = words.encode(item.solution, add_special_tokens=False).ids
            if len(rest) < CANVAS:
                rows.append([*prompt, *rest, *[end] * (CANVAS - len(rest))])
                starts.append(len(prompt))
        length = max(map(len, rows))
        padded = [row + [end] * (length - len(row)) for row in rows]
        real = [[True] * len(row) + [False] * (length - len(row)) for row in rows]
        yield Batch(torch.tensor(padded), torch.tensor(real), torch.tensor(starts))


def main(arguments: list[str] | None = None) -> int:
    """Train and print the digest of the weights."""
    parser = argparse.ArgumentParser(prog="python -m bench.zoo.masked", description=f"Train {NAME}.")
    parser.add_argument("--out", type=Path, default=CHECKPOINTS, help="folder for the checkpoint")
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", stream=sys.stderr)
    sys.stdout.write(f"{digest_of(train(RECIPE, options.out))}  {NAME}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
