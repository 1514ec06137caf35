"""What a checkpoint can do: ``python -m bench.zoo.measure [NAMES]`` prints the tables of the card."""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any

from bench.procedural import DIFFICULTIES, KINDS, Item, extract_answer, items, prose, split_of
from bench.zoo import CHECKPOINTS, NAMES

if TYPE_CHECKING:
    import torch

_BATCH = 50
_NEW_TOKENS = 64
_SEED = 7


@dataclass(frozen=True)
class Zoo:
    """A checkpoint ready to answer: the model in float32 on the CPU, its tokenizer padding on the left."""

    model: Any
    tokenizer: Any


def load(folder: Path) -> Zoo:
    """Load a checkpoint folder without touching the network."""
    from transformers import AutoModelForCausalLM, AutoTokenizer

    model = AutoModelForCausalLM.from_pretrained(folder, local_files_only=True)
    tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True, padding_side="left")
    return Zoo(model.train(False), tokenizer)


def generate(zoo: Zoo, prompts: list[str], new_tokens: int = _NEW_TOKENS) -> list[str]:
    """The greedy continuation of each prompt."""
    import torch

    texts: list[str] = []
    for start in range(0, len(prompts), _BATCH):
        inputs = zoo.tokenizer(prompts[start : start + _BATCH], return_tensors="pt", padding=True)
        inputs.pop("token_type_ids", None)
        with torch.inference_mode():
            out = zoo.model.generate(**inputs, max_new_tokens=new_tokens, do_sample=False)
        texts += zoo.tokenizer.batch_decode(out[:, inputs["input_ids"].shape[1] :], skip_special_tokens=True)
    return texts


def worked_accuracy(zoo: Zoo, asked: list[Item]) -> float:
    """The share of items whose greedy worked solution ends in the right answer, in [0, 1]."""
    texts = generate(zoo, [item.prompt for item in asked])
    right = [extract_answer(item.kind, text) == item.answer for item, text in zip(asked, texts, strict=True)]
    return sum(right) / len(right)


def choice_accuracy(zoo: Zoo, asked: list[Item]) -> float:
    """The share of items whose answer is the likeliest of its choices when asked for at once, in [0, 1]."""
    right = 0
    for item in asked:
        scores = log_likelihoods(zoo, [(item.direct, more) for more in item.continuations])
        right += item.choices[scores.index(max(scores))] == item.answer
    return right / len(asked)


def log_likelihoods(zoo: Zoo, pairs: list[tuple[str, str]]) -> list[float]:
    """The log-probability in nats of each continuation given its prompt, summed over its tokens."""
    import torch

    texts = [prompt + more for prompt, more in pairs]
    inputs = zoo.tokenizer(texts, return_tensors="pt", padding=True)
    inputs.pop("token_type_ids", None)
    with torch.inference_mode():
        logits: torch.Tensor = zoo.model(**inputs).logits.float()
    scores = []
    for row, (_, more) in enumerate(pairs):
        count = len(zoo.tokenizer(more, add_special_tokens=False)["input_ids"])
        wanted = inputs["input_ids"][row, -count:]
        scores.append(logits[row, -count - 1 : -1].log_softmax(-1).gather(1, wanted[:, None]).sum().item())
    return scores


def story_excess(zoo: Zoo, domain: str, count: int = 100) -> tuple[float, float]:
    """(the model's nats per byte on held-out stories, the source's own) for a prose domain."""
    rng = Random(f"measure/{domain}")
    stories = (prose.story(rng, domain) for _ in iter(int, 1))
    held_out = list(islice((text for text in stories if split_of(prose.split_story(text)[0]) == "test"), count))
    size = sum(len(text.encode()) for text in held_out)
    own = -sum(prose.log_prob(text, domain) for text in held_out)
    return -sum(log_likelihoods(zoo, [("", text) for text in held_out])) / size, own / size


def table(zoo: Zoo, count: int) -> list[str]:
    """The rows of the card's table: kind, difficulty, worked accuracy, choice accuracy (dash: not asked)."""
    lines = ["| kind | difficulty | greedy, worked | choices, direct |", "| --- | --- | --- | --- |"]
    for kind in KINDS:
        for difficulty in range(1, DIFFICULTIES[kind] + 1):
            asked = items(kind, count, _SEED, "test", difficulty)
            worked = "-" if kind == prose.KIND else f"{100 * worked_accuracy(zoo, asked):.0f} %"
            direct = f"{100 * choice_accuracy(zoo, asked):.0f} %" if asked[0].choices else "-"
            lines.append(f"| {kind} | {difficulty} | {worked} | {direct} |")
    return lines


def main(arguments: list[str] | None = None) -> int:
    """Print, for each named checkpoint, its table and its likelihood on the two prose domains."""
    import torch

    parser = argparse.ArgumentParser(prog="python -m bench.zoo.measure", description="Measure the zoo's checkpoints.")
    parser.add_argument("names", nargs="*", metavar="NAME", default=list(NAMES))
    parser.add_argument("--from", dest="folder", type=Path, default=CHECKPOINTS)
    parser.add_argument("--count", type=int, default=150, help="items per kind and difficulty")
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)
    for name in options.names:
        zoo = load(options.folder / name)
        lines = [f"### {name}", "", *table(zoo, options.count), ""]
        for domain in prose.DOMAINS:
            model, own = story_excess(zoo, domain)
            lines += [f"{domain}: {model:.3f} nats/byte; the source itself {own:.3f}", ""]
        sys.stdout.write("\n".join(lines) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
