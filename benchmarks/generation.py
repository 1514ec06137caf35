"""Eight samples a prompt: bench against lm-evaluation-harness and transformers, python -m benchmarks.generation.

One process, one thread, CPU seconds, the same random Llama of about 25 million parameters in float32, the same prompts;
the contestants take turns.  Each peer is timed at several batch sizes, and its best one counts.  Adds a section to
docs/performance.md.
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch

from bench.language import Draw
from bench.models.hf.adapter import HuggingFace
from bench.models.hf.checkpoint import Loaded
from benchmarks.sections import put

SAMPLES = 8
_WORDS = tuple("the quick fox sees a seed near its hill and the owl wants that nest".split())  # noqa: SIM905


@dataclass(frozen=True)
class Contest:
    """Prompts, and the number of tokens that each of eight samples is to have."""

    prompts: tuple[str, ...]
    tokens: int


def make_model(seed: int = 0) -> Loaded:
    """A random Llama (27 million parameters, 8,192 tokens) over a tokenizer that knows the prompts' letters."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    tokenizer = Tokenizer(models.BPE(vocab=_vocabulary(8192), merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    wrapped = PreTrainedTokenizerFast(tokenizer_object=tokenizer, bos_token="<s>", eos_token="</s>")  # noqa: S106
    config = LlamaConfig(
        vocab_size=8192,
        hidden_size=512,
        intermediate_size=1376,
        num_hidden_layers=6,
        num_attention_heads=8,
        max_position_embeddings=2048,
        bos_token_id=0,
        eos_token_id=1,
    )
    torch.manual_seed(seed)
    network = LlamaForCausalLM(config).float().eval()
    network.generation_config.eos_token_id = None  # an end comes by chance alone, one in 8,192 tokens
    return Loaded(network, wrapped)


def _vocabulary(size: int) -> dict[str, int]:
    from tokenizers import pre_tokenizers

    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    names = ["<s>", "</s>", *letters]
    return {name: k for k, name in enumerate([*names, *(f"⟨{k}⟩" for k in range(size - len(names)))])}


def make_contest(prompts: int, words: int, tokens: int) -> Contest:
    """Prompts of `words` to one and a half times as many words, in no order of length."""
    rng = np.random.default_rng(0)
    lengths = rng.integers(words, words * 3 // 2 + 1, prompts)
    return Contest(tuple(" ".join(rng.choice(_WORDS, n)) for n in lengths.tolist()), tokens)


def ours(made: Loaded, contest: Contest) -> Callable[[], int]:
    """All samples through bench; returns the number of tokens made."""
    model = HuggingFace(made)
    draws = [
        Draw(prompt, SAMPLES * k + i, 1.0, stop=(), max_tokens=contest.tokens)
        for k, prompt in enumerate(contest.prompts)
        for i in range(SAMPLES)
    ]
    return lambda: sum(len(text.token_ids) for text in model.generate(draws))


def plain(made: Loaded, contest: Contest, batch: int) -> Callable[[], int]:
    """All samples through `transformers.generate`, in left-padded batches sorted by length."""
    tokenizer = made.tokenizer
    tokenizer.padding_side, tokenizer.pad_token = "left", "</s>"
    texts = sorted([prompt for prompt in contest.prompts for _ in range(SAMPLES)], key=len)

    def run() -> int:
        made_tokens = 0
        for start in range(0, len(texts), batch):
            fed = tokenizer(texts[start : start + batch], return_tensors="pt", padding=True)
            fed.pop("token_type_ids", None)
            with torch.inference_mode():
                out = made.model.generate(
                    **fed, do_sample=True, top_k=0, max_new_tokens=contest.tokens, pad_token_id=tokenizer.pad_token_id
                )
            made_tokens += out[:, fed["input_ids"].shape[1] :].numel()
        return made_tokens

    return run


def harness(made: Loaded, contest: Contest, batch: int) -> Callable[[], int]:
    """All samples through the `hf` backend of lm-evaluation-harness, as its `repeats` asks for them."""
    from lm_eval.api.instance import Instance
    from lm_eval.models.huggingface import HFLM

    model = HFLM(pretrained=made.model, tokenizer=made.tokenizer, batch_size=batch, device="cpu")
    options = {"until": ["⟨never⟩"], "max_gen_toks": contest.tokens, "do_sample": True, "temperature": 1.0, "top_k": 0}

    def run() -> int:
        requests: list[Any] = [
            Instance("generate_until", {}, (prompt, dict(options)), i)
            for prompt in contest.prompts
            for i in range(SAMPLES)
        ]
        return len(model.generate_until(requests, disable_tqdm=True)) * contest.tokens

    return run


def race(runs: dict[str, Callable[[], int]], repeats: int) -> dict[str, tuple[float, int]]:
    """CPU seconds (median) and tokens of each, by turns."""
    seconds: dict[str, list[float]] = {name: [] for name in runs}
    tokens: dict[str, int] = {}
    for _ in range(repeats):
        for name, run in runs.items():
            start = time.process_time()
            tokens[name] = run()
            seconds[name].append(time.process_time() - start)
            print(f"{name}: {seconds[name][-1]:.1f} s", file=sys.stderr)
    return {name: (statistics.median(seconds[name]), tokens[name]) for name in runs}


def section(contest: Contest, parameters: float, repeats: int, found: dict[str, tuple[float, int]]) -> str:
    """The Markdown section."""
    base, _ = found["bench"]
    versions = ", ".join(f"{name} {version(name)}" for name in ("torch", "transformers", "lm_eval"))
    lines = [
        "## Eight samples a prompt",
        "",
        (
            f"Made by `python -m benchmarks.generation`: {len(contest.prompts)} prompts of about "
            f"{np.mean([len(prompt) for prompt in contest.prompts]):.0f} tokens, {SAMPLES} samples of {contest.tokens} "
            f"tokens each, a random Llama of {parameters / 1e6:.0f} million parameters in float32. CPU seconds in one "
            f"thread, median of {repeats}, by turns in one process, on a {platform.machine()} machine of "
            f"{os.cpu_count()} cores; Python {platform.python_version()}, {versions}."
        ),
        "",
        "| | CPU s | tokens | tokens a CPU second | of bench's time |",
        "|---|---|---|---|---|",
    ]
    for name, (seconds, tokens) in found.items():
        lines.append(f"| {name} | {seconds:.2f} | {tokens:,} | {tokens / seconds:,.0f} | {seconds / base:.2f} × |")
    best = min(seconds for name, (seconds, _) in found.items() if name != "bench")
    lines += ["", f"Against the best of the others: **{best / base:.2f} ×**."]
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> int:
    """Race and print; exit code 1 where bench is slower than the best of the others."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--prompts", type=int, default=8)
    parser.add_argument("--words", type=int, default=40)
    parser.add_argument("--tokens", type=int, default=32)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--batches", type=int, nargs="+", default=[8, 16, 32, 64])
    parser.add_argument("--out", type=Path, default=Path("docs/performance.md"))
    asked = parser.parse_args(arguments)
    torch.set_num_threads(1)
    made, contest = make_model(), make_contest(asked.prompts, asked.words, asked.tokens)
    runs = {"bench": ours(made, contest)}
    for batch in asked.batches:
        runs[f"transformers.generate, batch {batch}"] = plain(made, contest, batch)
        runs[f"lm-evaluation-harness hf, batch {batch}"] = harness(made, contest, batch)
    ours(made, make_contest(1, 3, 2))()
    found = race(runs, asked.repeats)
    text = section(contest, sum(p.numel() for p in made.model.parameters()), asked.repeats, found)
    print(text)
    put(asked.out, "benchmarks.generation", text)
    best = min(seconds for name, (seconds, _) in found.items() if name != "bench")
    return int(found["bench"][0] > best)


if __name__ == "__main__":
    raise SystemExit(main())
