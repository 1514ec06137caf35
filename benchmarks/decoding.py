"""Many samples of one long prompt: bench against transformers, python -m benchmarks.decoding.

One process, one thread, CPU seconds, the random Llama of benchmarks.generation, by turns: sixteen samples of a prompt
of 500 tokens, through bench and by `transformers.generate(num_return_sequences=16)`, and sixteen particles that are
resampled on the way.  Prints a section for docs/performance.md.
"""

from __future__ import annotations

import argparse
import os
import platform
from collections.abc import Callable, Sequence
from importlib.metadata import version
from pathlib import Path

import torch

from bench.decisions import Prompt
from bench.decoders.particles import Power, filter_particles
from bench.language import Draw
from bench.models.hf.adapter import HuggingFace
from bench.models.hf.checkpoint import Loaded
from benchmarks.generation import make_contest, make_model, race
from benchmarks.sections import put


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


def section(sizes: tuple[int, int, int, int], found: dict[str, tuple[float, int]]) -> str:
    """The Markdown section; sizes: tokens of the prompt, samples, tokens of each, repeats."""
    length, n, tokens, repeats = sizes
    base = found["bench, samples"][0]
    lines = [
        "## Many samples of one long prompt",
        "",
        (
            f"Made by `python -m benchmarks.decoding`: a prompt of {length} tokens, {n} samples of {tokens} tokens, a "
            f"random Llama of 27 million parameters in float32. CPU seconds in one thread, median of {repeats}, by "
            f"turns in one process, on a {platform.machine()} machine of {os.cpu_count()} cores; Python "
            f"{platform.python_version()}, torch {version('torch')}, transformers {version('transformers')}."
        ),
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
    sampled(made, "the", 2, 2)()
    found = race(runs, asked.repeats)
    text = section((asked.length, asked.samples, asked.tokens, asked.repeats), found)
    print(text)
    put(asked.out, "benchmarks.decoding", text)
    return int(found["bench, samples"][0] > found["transformers.generate(num_return_sequences)"][0])


if __name__ == "__main__":
    raise SystemExit(main())
