"""Scoring by bench against lm-evaluation-harness: python -m benchmarks.lm [--sizes 25 110] [--questions N] ...

One process, the same random model in memory, the same requests as tokens, one contest after the other.  The harness
runs at the batch size that is its fastest, found on some of the requests.  On a CPU one thread works and its seconds
are counted, so that other work on the machine weighs less; on a GPU it is wall time.  Writes docs/performance.md.
"""

from __future__ import annotations

import argparse
import copy
import gc
import logging
import platform
import re
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from bench.language import Details
from bench.models.hf.batching import batching
from bench.models.hf.checkpoint import Loaded
from bench.models.hf.encoding import Encoder, Span, windows
from bench.models.hf.engine import Engine
from bench.models.hf.flops import weight_flops
from bench.models.hf.harness import HarnessEngine
from bench.models.hf.scoring import Head, Scores
from bench.models.hf.selftest import choose_engine
from benchmarks.processor import processor
from benchmarks.sections import get, put

VOCABULARY = 32_000
WINDOW = 1024
# Hidden width, layers, heads and inner width of Llamas with tied embeddings, by millions of parameters.
SHAPES = {1: (64, 2, 2, 128), 25: (384, 8, 6, 1024), 110: (768, 12, 12, 2048)}
PREFIX, QUESTION, ANSWER = 600, 40, 8  # tokens of five examples, of a question, of a long answer
LEGEND = (
    "*Harness*: its `hf` backend at the batch size named, the fastest for it on some of the requests; *auto*: what it "
    "takes there with `batch_size=auto`, relative to that. *Ratio*: its seconds over those of bench. *Floor*: the time "
    "of a bare forward pass over the same distinct tokens, 1,024 at a time, and of the head's product where something "
    "is scored, as a share of bench's. *Peak*: bench's multiplications as a share of the fastest matrix product "
    "measured here. *Off float32*: how far a token's log-probability lies at most from that of the same weights in "
    "float32, in bench and in the harness, on some of the requests; both take the softmax in float32."
)


@dataclass(frozen=True)
class Case:
    """Requests of one kind, and a smaller number of them on which the harness's batch sizes are tried."""

    name: str
    spans: list[Span]
    sample: list[Span]


@dataclass(frozen=True)
class Row:
    """What one case came to; seconds, and shares of bench's own."""

    case: Case
    size: int
    dtype: str
    batch: str
    theirs: float
    ours: float
    auto: float
    asked: int
    run: int
    apart: float
    mismatches: int
    floor: float
    peak: float
    off: tuple[float, float] | None  # a token's largest difference from float32, nats: bench's, the harness's

    @property
    def ratio(self) -> float:
        """How many times faster bench is."""
        return self.theirs / self.ours


def cases(questions: int) -> Iterator[Case]:
    """The contests: what is asked, not how."""
    rng = np.random.default_rng(0)

    def draw(n: int) -> tuple[int, ...]:
        return tuple(rng.integers(3, VOCABULARY, size=n).tolist())

    def choices(context: tuple[int, ...], length: int) -> list[Span]:
        return [Span((*context, *draw(length)), len(context)) for _ in range(4)]

    def of(name: str, groups: Sequence[list[Span]], few: int) -> Case:
        return Case(name, [s for group in groups for s in group], [s for group in groups[:few] for s in group])

    few = max(1, questions // 8)
    prefix = draw(PREFIX)
    fixed = [choices((*prefix, *draw(QUESTION)), ANSWER) for _ in range(questions)]
    yield of("five-shot, fixed prefix", fixed, few)
    some = [choices(draw(PREFIX + QUESTION), ANSWER) for _ in range(max(2, questions // 4))]
    yield of("five-shot, random prefix", some, few)
    yield of("zero-shot, four continuations", [choices(draw(QUESTION), ANSWER) for _ in range(questions)], 4 * few)
    letters = tuple(range(3, 7))
    asked = [(*prefix, *draw(2 * QUESTION)) for _ in range(questions)]
    yield of("five-shot, letters", [[Span((*c, t), len(c)) for t in letters] for c in asked], few)
    texts = [(1, *draw(2 * WINDOW - 300)) for _ in range(max(1, questions // 16))]
    encoder = Encoder(None, WINDOW)
    cut = [[Span(t[a:c], b - a) for a, b, c in windows(encoder, t, 1)] for t in texts]
    yield of("rolling perplexity", cut, 1)


def model(size: int, dtype: str, device: str) -> Any:
    """A random Llama of so many million parameters."""
    from transformers import LlamaConfig, LlamaForCausalLM

    width, layers, heads, inner = SHAPES[size]
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=VOCABULARY,
        hidden_size=width,
        intermediate_size=inner,
        num_hidden_layers=layers,
        num_attention_heads=heads,
        num_key_value_heads=heads,
        max_position_embeddings=WINDOW,
        tie_word_embeddings=True,
    )
    return LlamaForCausalLM(config).to(device, getattr(torch, dtype)).eval()


def tokenizer() -> Any:
    """A tokenizer of as many words, which the harness wants to see; no text is encoded."""
    from tokenizers import Tokenizer, models
    from transformers import PreTrainedTokenizerFast

    words = Tokenizer(models.WordLevel({f"w{k}": k for k in range(VOCABULARY)}, unk_token="w0"))  # noqa: S106
    return PreTrainedTokenizerFast(tokenizer_object=words, bos_token="w1", eos_token="w2")  # noqa: S106


def seconds(work: Callable[[], Any], device: str) -> tuple[float, Any]:
    """Seconds that the work takes, of one thread on a CPU, else of wall time; and what it gives."""
    gc.collect()
    if device == "cpu":
        start = time.process_time()
        out = work()
        return time.process_time() - start, out
    torch.cuda.synchronize()
    start = time.perf_counter()
    out = work()
    torch.cuda.synchronize()
    return time.perf_counter() - start, out


def harness(loaded: Loaded, batch: str) -> HarnessEngine:
    """The harness's backend; `auto` up to 16 rows on a CPU, where logits of 64 long rows would fill the memory."""
    most = 16 if loaded.model.device.type == "cpu" else 64
    return HarnessEngine(loaded, int(batch) if batch.isdigit() else batch, WINDOW, most=most)


def best_batch(loaded: Loaded, case: Case, sizes: Sequence[str], device: str) -> tuple[str, dict[str, float]]:
    """The harness's fastest batch size on the sample, and the seconds of each."""
    taken = {}
    for size in sizes:
        engine = harness(loaded, size)
        taken[size] = seconds(partial(engine.score, case.sample, Details()), device)[0]
        engine.close()
    return min(taken, key=taken.__getitem__), taken


def race(loaded: Loaded, ours: Engine, case: Case, size: int, dtype: str, sizes: Sequence[str], device: str) -> Row:
    """One case: bench, the harness, bench again, and the floor."""
    best, tried = best_batch(loaded, case, sizes, device)
    ours.score(case.sample, Details())
    before = ours.meter.copy()
    first, _ = seconds(lambda: ours.score(case.spans, Details()), device)
    used = ours.meter.copy().since(before)
    peer = harness(loaded, best)
    theirs, expected = seconds(lambda: peer.score(case.spans, Details()), device)
    peer.close()
    again, got = seconds(lambda: ours.score(case.spans, Details()), device)
    taken = statistics.mean([first, again])
    asked, run = used.scored_tokens, used.scored_tokens_run
    places = len({span.inputs[:end] for span in case.spans for end in range(span.first, len(span.inputs) + 1)})
    bare = statistics.mean([floor(loaded.model, run, places, device) for _ in range(2)])
    return Row(
        case, size, dtype, best, theirs, taken, tried.get("auto", float("nan")) / tried[best], asked, run,
        *compare(got, expected), bare / taken, work(loaded.model, run, places) / taken,
        None if dtype == "float32" else off_float32(loaded, ours, case, best),
    )  # fmt: skip


def off_float32(loaded: Loaded, ours: Engine, case: Case, batch: str) -> tuple[float, float]:
    """The largest difference of a token's log-probability from that of the same weights in float32, nats."""
    wide = Loaded(copy.deepcopy(loaded.model).float(), loaded.tokenizer)
    truth = choose_engine(wide, batching(loaded.model.device.type), length=WINDOW).score(case.sample, Details())
    peer = harness(loaded, batch)
    sides = [engine.score(case.sample, Details()) for engine in (ours, peer)]
    peer.close()
    bench, other = (
        max(float(np.abs(a.logprobs - b.logprobs).max()) for a, b in zip(side, truth, strict=True)) for side in sides
    )
    return bench, other


def compare(ours: Sequence[Scores], theirs: Sequence[Scores]) -> tuple[float, int]:
    """The largest difference of a request's log-probability, nats, and the number of different greedy flags."""
    apart = [abs(float(a.logprobs.sum() - b.logprobs.sum())) for a, b in zip(ours, theirs, strict=True)]
    return max(apart), sum(a.first.all() != b.first.all() for a, b in zip(ours, theirs, strict=True))


def floor(network: Any, tokens: int, places: int, device: str) -> float:
    """Seconds of running so many tokens, and of the head at so many places."""
    head = Head(network)
    states = torch.zeros((head.rows, network.config.hidden_size), dtype=network.dtype, device=network.device)

    def run() -> None:
        with torch.inference_mode():
            for start in range(0, tokens, WINDOW):
                ids = torch.full((1, min(WINDOW, tokens - start)), 7, device=network.device)
                network.base_model(input_ids=ids, use_cache=False)
            for start in range(0, places, head.rows):
                head.logits(states[: min(head.rows, places - start)])

    return seconds(run, device)[0]


def work(network: Any, tokens: int, places: int) -> float:
    """Seconds that the multiplications would take at the machine's measured peak."""
    token, look = weight_flops(network)
    return (token * tokens + look * places) / peak(network.dtype, network.device)


_PEAKS: dict[tuple[Any, str], float] = {}


def peak(dtype: Any, device: Any) -> float:
    """Multiplications and additions a second of the fastest of some matrix products."""
    key = (dtype, str(device))
    if key not in _PEAKS:
        n = 1024 if device.type == "cpu" else 8192
        a, b = (torch.randn((n, n), device=device).to(dtype) for _ in range(2))
        times = [
            seconds(lambda: torch.nn.functional.linear(a, b), device.type)[0]
            for _ in range(6 if device.type == "cpu" else 20)
        ]
        _PEAKS[key] = 2.0 * n**3 / min(times[1:])
    return _PEAKS[key]


HEADS = (
    "model", "case", "requests", "tokens asked", "run", "harness, s", "batch", "auto", "bench, s", "ratio",
    "max difference, nats", "greedy mismatches", "floor", "peak", "off float32, nats",
)  # fmt: skip


def line(row: Row) -> str:
    """One row of the table."""
    cells = [
        f"{row.size} M, {row.dtype}", row.case.name, f"{len(row.case.spans):,}", f"{row.asked:,}", f"{row.run:,}",
        f"{row.theirs:.2f}", row.batch, "–" if row.auto != row.auto else f"{row.auto:.1f} ×", f"{row.ours:.2f}",
        f"**{row.ratio:.1f} ×**", f"{row.apart:.0e}", str(row.mismatches), f"{row.floor:.0%}", f"{row.peak:.0%}",
        "–" if row.off is None else f"{row.off[0]:.2f}, {row.off[1]:.2f}",
    ]  # fmt: skip
    return "| " + " | ".join(cells) + " |"


def lines(rows: Sequence[Row], old: str) -> list[str]:
    """Lines of the table: the new rows in place of the old ones of their model and case, and the other old ones."""
    new = {tuple(text.split(" | ")[:2]): text for text in map(line, rows)}
    table = [text for text in old.splitlines() if text.startswith("| ") and not text.startswith(f"| {HEADS[0]} ")]
    return [new.pop(tuple(text.split(" | ")[:2]), text) for text in table] + list(new.values())


def report(rows: Sequence[Row], device: str, old: str = "") -> str:
    """The section of the page; old: as it stands, whose other rows are kept."""
    from importlib.metadata import version

    names = ("torch", "transformers", "lm_eval")
    versions = ", ".join(f"{name} {version(name)}" for name in names)
    where = torch.cuda.get_device_name(0) if device == "cuda" else f"one core ({processor()}), CPU seconds"
    fastest = {name: rate for rate, name in re.findall(r"([0-9,]+) GFLOP/s in ([a-z0-9]+)", old)}
    fastest |= {str(k[0]).removeprefix("torch."): f"{value / 1e9:,.0f}" for k, value in _PEAKS.items()}
    rates = ", ".join(f"{rate} GFLOP/s in {name}" for name, rate in fastest.items())
    made = f"Made by `python -m benchmarks.lm` on {where}; fastest matrix product {rates}."
    return "\n".join([
        "# How fast are language models scored?",
        "",
        f"{made} Python {platform.python_version()}, {versions}.",
        "",
        LEGEND,
        "",
        "| " + " | ".join(HEADS) + " |",
        "|---|---|" + "--:|" * (len(HEADS) - 2),
        *lines(rows, old),
    ])  # fmt: skip


def main(words: Sequence[str] | None = None) -> list[Row]:
    """Run the contests, print each as it ends, and write the page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--sizes", type=int, nargs="+", default=[25, 110], choices=sorted(SHAPES))
    parser.add_argument("--dtypes", nargs="+", default=["float32", "bfloat16"])
    parser.add_argument("--questions", type=int, default=40)
    parser.add_argument("--batches", nargs="+", default=["1", "4", "16", "auto"])
    parser.add_argument("--cases", nargs="+", default=[], help="words that a case's name must have one of")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--out", type=Path, default=Path("docs/performance.md"))
    asked = parser.parse_args(words)
    if asked.device == "cpu":
        torch.set_num_threads(asked.threads)
    rows = []
    name = "benchmarks.lm" if asked.device == "cpu" else f"benchmarks.lm on {asked.device}"
    print("| " + " | ".join(HEADS) + " |", flush=True)
    for size in asked.sizes:
        for dtype in asked.dtypes:
            loaded = Loaded(model(size, dtype, asked.device), tokenizer())
            ours = choose_engine(loaded, batching(asked.device), length=WINDOW)
            for case in cases(asked.questions):
                if asked.cases and not any(word in case.name for word in asked.cases):
                    continue
                rows.append(race(loaded, ours, case, size, dtype, asked.batches, asked.device))
                print(line(rows[-1]), flush=True)
                put(asked.out, name, report(rows, asked.device, get(asked.out, name)))
    return rows


if __name__ == "__main__":
    logging.disable(logging.WARNING)
    main()
