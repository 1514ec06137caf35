"""Train the zoo: ``python -m bench.zoo.train [NAMES] --out DIR``.

One thread, fixed seeds and deterministic kernels: the same recipe on the same machine and library versions
gives the same bytes.  Nothing is downloaded.
"""

from __future__ import annotations

import argparse
import logging
import math
import sys
import time
from collections.abc import Iterator
from hashlib import sha256
from itertools import islice
from pathlib import Path

import numpy as np
import torch
from tokenizers import Tokenizer
from transformers import AutoModelForCausalLM, GenerationConfig, LlamaConfig, LlamaForCausalLM

from bench.zoo import CHECKPOINTS, tokenizer
from bench.zoo.corpus import rows
from bench.zoo.recipes import RECIPES, Recipe

log = logging.getLogger("bench.zoo")

_FINAL_RATE = 0.02
_REPORT_EVERY = 50


def train(recipe: Recipe, out: Path, words: Tokenizer | None = None, save_every: int = 0) -> Path:
    """Train a recipe from nothing (or from its parent in ``out``) and write it to ``out / recipe.name``.

    With ``save_every`` the model is also written after each so many steps.  Returns the folder.
    """
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    torch.manual_seed(recipe.seed)
    words = words or tokenizer.build()
    model = _start(recipe, out, words)
    optimizer, schedule = optimiser_of(model, recipe)
    began, recent = time.monotonic(), []
    for step, batch in enumerate(_batches(recipe, words), start=1):
        loss = model(input_ids=batch[:, 0], labels=batch[:, 1], attention_mask=_mask(batch[:, 2])).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        optimizer.zero_grad()
        recent.append(loss.item())
        if step % _REPORT_EVERY == 0 or step == recipe.steps:
            speed = step * recipe.batch * recipe.length / (time.monotonic() - began)
            log.info(
                "%s step %d/%d loss %.3f %.0f tokens/s",
                recipe.name, step, recipe.steps, sum(recent) / len(recent), speed,
            )  # fmt: skip
            recent.clear()
        if save_every and step % save_every == 0 and step < recipe.steps:
            save(model, words, out / recipe.name)
    return save(model, words, out / recipe.name)


def optimiser_of(
    model: LlamaForCausalLM, recipe: Recipe
) -> tuple[torch.optim.Optimizer, torch.optim.lr_scheduler.LRScheduler]:
    """The optimiser of a recipe, and what sets its rate at each step."""
    optimizer = torch.optim.AdamW(_groups(model, recipe), lr=recipe.learning_rate, betas=(0.9, 0.98), fused=True)
    return optimizer, torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: rate(recipe, step))


def rate(recipe: Recipe, step: int) -> float:
    """The learning rate at a step as a share of its peak, in [0, 1]: linear warm-up, then a cosine."""
    if step < recipe.warmup:
        return (step + 1) / recipe.warmup
    done = (step - recipe.warmup) / max(1, recipe.steps - recipe.warmup)
    return _FINAL_RATE + (1 - _FINAL_RATE) * 0.5 * (1 + math.cos(math.pi * min(1.0, done)))


def save(model: LlamaForCausalLM, words: Tokenizer, folder: Path) -> Path:
    """Write a Hugging Face folder with the weights rounded to float16; the model itself stays as it is."""
    rounded = LlamaForCausalLM(model.config)
    rounded.load_state_dict(model.state_dict())
    rounded.half()
    rounded.generation_config = GenerationConfig.from_model_config(model.config)
    rounded.save_pretrained(folder)
    # safetensors writes for the owner only; a shipped file is for everybody.
    (folder / "model.safetensors").chmod(0o644)
    # Half the bytes on disk, but the config asks for float32, so that a CPU computes with usual precision.
    rounded.config.dtype = torch.float32
    rounded.config.save_pretrained(folder)
    tokenizer.save(words, folder)
    return folder


def digest_of(folder: Path) -> str:
    """The SHA-256 of a checkpoint's weights."""
    return sha256((folder / "model.safetensors").read_bytes()).hexdigest()


def _start(recipe: Recipe, out: Path, words: Tokenizer) -> LlamaForCausalLM:
    """The model before its first step, in float32."""
    if recipe.parent is not None:
        model = AutoModelForCausalLM.from_pretrained(out / recipe.parent, dtype=torch.float32)
        if not isinstance(model, LlamaForCausalLM):
            raise TypeError(f"{recipe.parent} is a {type(model).__name__}, not a LlamaForCausalLM")
        return model
    config = LlamaConfig(
        vocab_size=words.get_vocab_size(),
        hidden_size=recipe.hidden,
        intermediate_size=recipe.inner,
        num_hidden_layers=recipe.layers,
        num_attention_heads=recipe.heads,
        num_key_value_heads=recipe.heads,
        max_position_embeddings=tokenizer.CONTEXT,
        tie_word_embeddings=True,
        bos_token_id=words.token_to_id("<s>"),
        eos_token_id=words.token_to_id("</s>"),
        pad_token_id=words.token_to_id("<pad>"),
    )
    return LlamaForCausalLM(config)


def _batches(recipe: Recipe, words: Tokenizer) -> Iterator[torch.Tensor]:
    """``recipe.steps`` batches [batch, 3, length] of tokens, labels and document numbers."""
    packed = rows(words, recipe.mix, recipe.seed, recipe.length)
    for _ in range(recipe.steps):
        yield torch.from_numpy(np.stack(list(islice(packed, recipe.batch))))


def _mask(document: torch.Tensor) -> torch.Tensor:
    """Which positions may look at which [batch, 1, length, length]: back, and within their own document.

    Positions stay those of the row: rotary embeddings know distances only.
    """
    same = document[:, None, :, None] == document[:, None, None, :]
    return same.tril()


def _groups(model: LlamaForCausalLM, recipe: Recipe) -> list[dict[str, object]]:
    """Matrices decay; the gains of the norms do not."""
    parameters = list(model.parameters())
    return [
        {"params": [p for p in parameters if p.ndim >= 2], "weight_decay": recipe.weight_decay},
        {"params": [p for p in parameters if p.ndim < 2], "weight_decay": 0.0},
    ]


def main(arguments: list[str] | None = None) -> int:
    """Train the named recipes (all by default) and print the digest of each."""
    parser = argparse.ArgumentParser(prog="python -m bench.zoo.train", description="Train the zoo's checkpoints.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(RECIPES)}; all by default")
    parser.add_argument("--out", type=Path, default=CHECKPOINTS, help="folder for the checkpoints")
    parser.add_argument("--save-every", type=int, default=0, help="also write the model after so many steps")
    options = parser.parse_args(arguments)
    unknown = set(options.names) - set(RECIPES)
    if unknown:
        parser.error(f"no recipe named {', '.join(sorted(unknown))}; there are {', '.join(RECIPES)}")
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", stream=sys.stderr)
    words = tokenizer.build()
    for name, recipe in RECIPES.items():
        if not options.names or name in options.names:
            digest = digest_of(train(recipe, options.out, words, options.save_every))
            sys.stdout.write(f"{digest}  {name}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
