"""Many samples of one long prompt: bench against transformers, python -m benchmarks.decoding.

One process, one thread, CPU seconds, the random Llama of benchmarks.generation, by turns: sixteen samples of a prompt
of 500 tokens, through bench and by `transformers.generate(num_return_sequences=16)`, and sixteen particles that are
resampled on the way.  Where its_hub is installed (pip install its_hub), its particle filter and bench's go in steps of
eight tokens under the same reward.  Adds a section to docs/performance.md.
"""

from __future__ import annotations

import argparse
import os
import platform
import zlib
from collections.abc import Callable, Sequence
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import torch

from bench.arrays import Float64s
from bench.decisions import Prompt
from bench.decoders.particle_gibbs import Group, Trajectory, sweep
from bench.decoders.particles import Power, filter_particles
from bench.decoders.stepping import Stepper, Tempered, opened
from bench.language import Draw
from bench.models.hf.adapter import HuggingFace
from bench.models.hf.checkpoint import Loaded
from benchmarks.generation import make_contest, make_model, race
from benchmarks.sections import put

# Tokens of a step, between two resamplings.
STEP = 8


def sampled(made: Loaded, prompt: str, n: int, tokens: int) -> Callable[[], int]:
    """N samples through bench; returns the number of tokens made."""
    model = HuggingFace(made)
    draws = [Draw(prompt, k, 1.0, stop=(), max_tokens=tokens) for k in range(n)]
    return lambda: sum(len(text.token_ids) for text in model.generate(draws))


def particles(made: Loaded, prompt: str, n: int, tokens: int) -> Callable[[], int]:
    """N particles that follow the model's law to the power 1.1, which makes them fork now and then."""
    model = HuggingFace(made)
    asked = [Prompt("p", prompt, lambda text: text, (), tokens)]

    def run() -> int:
        (found,) = filter_particles(model, asked, 0, Power(1.1), n=n, threshold=0.9)
        return found.cost.tokens

    return run


def returned(made: Loaded, prompt: str, n: int, tokens: int) -> Callable[[], int]:
    """N samples by `transformers.generate(num_return_sequences=n)`."""
    tokenizer = made.tokenizer
    tokenizer.pad_token = "</s>"  # noqa: S105 - no secret

    def run() -> int:
        fed = tokenizer([prompt], return_tensors="pt")
        fed.pop("token_type_ids", None)
        with torch.inference_mode():
            out = made.model.generate(
                **fed,
                do_sample=True,
                top_k=0,
                max_new_tokens=tokens,
                num_return_sequences=n,
                pad_token_id=tokenizer.pad_token_id,
            )
        return int(out[:, fed["input_ids"].shape[1] :].numel())

    return run


def reward(text: str) -> float:
    """A number in (0, 1) that looks random and depends on the text alone: a reward that costs nothing."""
    return (zlib.crc32(text.encode()) % 1000 + 0.5) / 1000


def stepwise(made: Loaded, prompt: str, n: int, tokens: int) -> Callable[[], int]:
    """N particles in steps of `STEP` tokens, resampled after each by the odds of the reward."""
    model = HuggingFace(made)
    asked = [Prompt("p", prompt, lambda text: text, (), tokens)]

    def run() -> int:
        with opened(model, "particle-steps", asked) as session:
            stepper = Stepper(session, asked)

            def potential(new: Sequence[Trajectory]) -> Float64s:
                scores = np.array([reward(session.text(one.now.tokens)) for one in new])
                return np.log(scores) - np.log1p(-scores)

            sweep(stepper, [Group(0, np.random.default_rng(0))], potential, n, Tempered(1.0), tokens=STEP)
            return stepper.cost(0).tokens

    return run


def its_hub(made: Loaded, prompt: str, n: int, tokens: int) -> Callable[[], int]:
    """`its_hub.ParticleFiltering` over `transformers.generate`, a call for each step of all particles.

    Its language models are given texts, not states: each call runs the prompt and all steps so far again.
    """
    from its_hub.api import AbstractLanguageModel, AbstractProcessRewardModel
    from its_hub.core.algorithms.particle_gibbs import ParticleFiltering
    from its_hub.core.lms.step_generation import StepGeneration

    tokenizer = made.tokenizer
    # The random model's tokens don't survive being written and read again, so that their numbers are kept.
    ids = {prompt: tokenizer([prompt])["input_ids"][0]}
    made_tokens = 0

    class Local(AbstractLanguageModel):
        async def agenerate(self, messages: Any, **options: Any) -> Any:
            nonlocal made_tokens
            texts = ["".join(message.content for message in one) for one in messages]
            fed = torch.tensor([ids[text] for text in texts])  # all of one length
            with torch.inference_mode():
                out = made.model.generate(
                    input_ids=fed,
                    attention_mask=torch.ones_like(fed),
                    do_sample=True,
                    top_k=0,
                    max_new_tokens=options["max_completion_tokens"],
                    pad_token_id=1,
                )
            made_tokens += int(out[:, fed.shape[1] :].numel())
            steps = tokenizer.batch_decode(out[:, fed.shape[1] :])
            ids.update({text + step: row for text, step, row in zip(texts, steps, out.tolist(), strict=True)})
            return [{"role": "assistant", "content": step} for step in steps]

    class Reward(AbstractProcessRewardModel):
        def score(self, _: Any, steps: list[str]) -> list[float]:
            return [reward(text) for text in steps]

        async def ascore(self, _: Any, steps: list[str]) -> list[float]:
            return self.score(_, steps)

    # A particle stops after one step more than it is told.
    steps = StepGeneration(max_steps=tokens // STEP - 1, tokens_per_step=STEP, temperature=1.0)
    particles = ParticleFiltering(steps, Reward())

    def run() -> int:
        nonlocal made_tokens
        made_tokens = 0
        particles.infer(Local(), prompt, budget=n)
        return made_tokens

    return run


def section(sizes: tuple[int, int, int, int], found: dict[str, tuple[float, int]]) -> str:
    """The Markdown section; sizes: tokens of the prompt, samples, tokens of each, repeats."""
    length, n, tokens, repeats = sizes
    base = found["bench, samples"][0]
    peers = [name for name in ("torch", "transformers", "its_hub") if find_spec(name) is not None]
    lines = [
        "## Many samples of one long prompt",
        "",
        (
            f"Made by `python -m benchmarks.decoding`: a prompt of {length} tokens, {n} samples of {tokens} tokens, a "
            f"random Llama of 27 million parameters in float32. CPU seconds in one thread, median of {repeats}, by "
            f"turns in one process, on a {platform.machine()} machine of {os.cpu_count()} cores; Python "
            f"{platform.python_version()}, {', '.join(f'{name} {version(name)}' for name in peers)}."
        ),
        "",
        (
            f"*Steps*: {n} particles that are resampled after each {STEP} tokens by the odds of a reward that costs "
            "nothing. its_hub hands its language model texts, so that each step runs the prompt again; here that model "
            "is `transformers.generate` on a batch of all particles, in this process."
        )
        if "its_hub" in peers
        else "its_hub isn't installed here.",
        "",
        "| | CPU s | tokens | of bench's time |",
        "|---|---|---|---|",
    ]
    lines += [
        f"| {name} | {seconds:.2f} | {made:,} | {seconds / base:.2f} × |" for name, (seconds, made) in found.items()
    ]
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> int:
    """Race and print; exit code 1 where bench is slower."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--length", type=int, default=500)
    parser.add_argument("--samples", type=int, default=16)
    parser.add_argument("--tokens", type=int, default=32)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--out", type=Path, default=Path("docs/performance.md"))
    asked = parser.parse_args(arguments)
    torch.set_num_threads(1)
    made = make_model()
    prompt = make_contest(1, asked.length, 1).prompts[0][: asked.length]  # a letter is a token
    runs = {
        "bench, samples": sampled(made, prompt, asked.samples, asked.tokens),
        "bench, particles": particles(made, prompt, asked.samples, asked.tokens),
        "transformers.generate(num_return_sequences)": returned(made, prompt, asked.samples, asked.tokens),
    }
    if find_spec("its_hub") is not None:
        runs["bench, particles by steps"] = stepwise(made, prompt, asked.samples, asked.tokens)
        runs["its_hub, particles by steps"] = its_hub(made, prompt, asked.samples, asked.tokens)
    sampled(made, "the", 2, 2)()
    found = race(runs, asked.repeats)
    text = section((asked.length, asked.samples, asked.tokens, asked.repeats), found)
    print(text)
    put(asked.out, "benchmarks.decoding", text)
    return int(found["bench, samples"][0] > found["transformers.generate(num_return_sequences)"][0])


if __name__ == "__main__":
    raise SystemExit(main())
