"""The prefix tree: every distinct token once, in an order that one path serves, and scores equal to plain ones."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.language import Details
from bench.models.hf.batching import batching
from bench.models.hf.encoding import Span
from bench.models.hf.engine import TreeEngine
from bench.models.hf.packing import extension, packed
from bench.models.hf.plain import PlainEngine
from bench.models.hf.scoring import Scores
from bench.models.hf.tree import Extend, Trunk, plant, trunk_of, walk
from tests.models import tiny
from tests.models.architectures import TREE, make

VOCABULARY = 97


def forest(seed: int, vocabulary: int = VOCABULARY) -> list[Span]:
    """Questions with choices on a shared prefix, ties, repeats, choices that begin others, and lone texts."""
    rnd = random.Random(seed)

    def draw(n: int, few: float) -> tuple[int, ...]:
        return tuple(rnd.randrange(3 if rnd.random() < few else vocabulary) for _ in range(n))

    prefix, out = draw(rnd.choice([1, 5, 40]), 0.0), []
    for _ in range(rnd.choice([1, 3, 9])):
        question = prefix + draw(rnd.choice([1, 2, 9, 30]), 0.3)
        for _ in range(rnd.choice([1, 2, 4])):
            choice = draw(rnd.choice([1, 1, 2, 6]), 0.5)
            out += [Span(question + choice, len(question))] * rnd.choice([1, 1, 2])
            if len(choice) > 2:
                out.append(Span(question + choice[:-1], len(question)))
    out += [Span(text, 1) for text in (draw(20, 0.0), prefix + draw(3, 0.0))]
    rnd.shuffle(out)
    return out


def enumerated(model: Any, span: Span) -> tuple[Any, list[bool]]:
    """One unpadded pass for one span."""
    with torch.inference_mode():
        table = model(input_ids=torch.tensor([span.inputs])).logits[0, span.first - 1 :]
    wanted = torch.tensor(span.tokens[span.first :])
    logprobs = table.double().log_softmax(-1).gather(1, wanted[:, None])[:, 0]
    return logprobs.numpy(), (table.argmax(-1) == wanted).tolist()


def worst(ours: list[Scores], model: Any, spans: list[Span]) -> float:
    return max(
        float(np.abs(s.logprobs - enumerated(model, span)[0]).max()) for s, span in zip(ours, spans, strict=True)
    )


@pytest.mark.parametrize("dense", [False, True], ids=["cascade", "dense"])
@pytest.mark.parametrize("name", TREE)
def test_the_tree_scores_as_plain_passes_do(name: str, dense: bool) -> None:
    for dtype, tolerance in ((torch.float32, 1e-4), (torch.float64, 1e-10)):
        if dtype == torch.float64 and name == "mixtral":
            continue  # mixtures of experts have no kernels for it
        model = make(name, dtype)
        plain = PlainEngine(model, batching("cpu"))
        for seed, budget in ((1, 8), (2, 40), (3, 1024)):
            spans = forest(seed)
            scores = TreeEngine(model, plain, dense=dense, budget=budget).score(spans, Details())
            assert worst(scores, model, spans) < tolerance
            if dtype == torch.float64:
                assert [s.first.tolist() for s in scores] == [enumerated(model, span)[1] for span in spans]


@pytest.fixture(scope="module")
def llama() -> Any:
    return tiny.llama(VOCABULARY, length=512)


@settings(max_examples=60, deadline=None)
@given(
    texts=st.lists(st.lists(st.integers(0, 2), min_size=2, max_size=14), min_size=1, max_size=12),
    data=st.data(),
    budget=st.integers(1, 30),
    dense=st.booleans(),
)
def test_random_trees(llama: Any, texts: list[list[int]], data: st.DataObject, budget: int, dense: bool) -> None:
    spans = [Span(tuple(text), data.draw(st.integers(1, len(text) - 1))) for text in texts]
    engine = TreeEngine(llama, PlainEngine(llama, batching("cpu")), dense=dense, budget=budget)
    prepared = data.draw(st.booleans())
    if prepared:  # then rows that end within the trunk are run again
        engine._trunk = trunk_of(plant(spans), budget, least=1, support=1)
    for part in (spans, spans[::2]):
        before = engine.meter.copy()
        assert worst(engine.score(part, Details()), llama, part) < 1e-10
        distinct = {span.inputs[:end] for span in part for end in range(1, len(span.inputs) + 1)}
        assert prepared or engine.meter.copy().since(before).scored_tokens_run == len(distinct)


@settings(max_examples=60, deadline=None)
@given(
    texts=st.lists(st.lists(st.integers(0, 1), min_size=2, max_size=20), min_size=1, max_size=20),
    budget=st.integers(1, 25),
)
def test_a_walk_runs_each_token_once_and_scores_each_place_once(texts: list[list[int]], budget: int) -> None:
    tree = plant([Span(tuple(text), 1) for text in texts])
    seen: list[tuple[int, ...]] = []
    slots: list[int] = []
    path: list[int] = []
    for step in walk(tree, budget):
        work = extension(tree, step) if isinstance(step, Extend) else packed(tree, step)
        assert len(work) <= budget
        below = [path[: work.depth]] * len(work)
        for i in range(len(work)):
            above = [j for j in range(i + 1) if i < work.ends[j]]
            assert work.positions[i] == work.depth + len(above) - 1
            seen.append((*below[i], *work.ids[above].tolist()))
        if work.keep:
            path[work.depth :] = work.ids.tolist()
        for at, target, slot in zip(work.at, work.targets, work.slots, strict=True):
            text = [t for text in texts for t in range(1, len(text))][slot]
            whole = [text for text in texts for _ in range(1, len(text))][slot]
            assert list(seen[len(seen) - len(work) + at]) == whole[:text]
            assert target == whole[text]
            slots.append(int(slot))
    assert len(seen) == len(set(seen))
    assert set(seen) == {tuple(text[:end]) for text in texts for end in range(1, len(text))}
    assert sorted(slots) == list(range(tree.total))


def shared_prefix(questions: int, seed: int = 0) -> list[Span]:
    rnd = random.Random(seed)
    prefix = tuple(rnd.randrange(VOCABULARY) for _ in range(70))
    out = []
    for k in range(questions):
        question = (*prefix, k, *(rnd.randrange(VOCABULARY) for _ in range(8)))
        out += [Span((*question, rnd.randrange(VOCABULARY), 5), len(question)) for _ in range(2)]
    return out


def test_a_prepared_prefix_is_run_once_for_many_calls(llama: Any) -> None:
    engine = TreeEngine(llama, PlainEngine(llama, batching("cpu")), budget=64)
    spans = shared_prefix(30)
    engine.prepare(spans)
    for start in range(0, len(spans), 6):
        engine.score(spans[start : start + 6], Details())
    assert engine.meter.scored_tokens_run == len({s.inputs[:end] for s in spans for end in range(1, len(s.inputs) + 1)})


def test_scores_are_the_same_bits_whatever_was_asked_before(llama: Any) -> None:
    spans, other = shared_prefix(40), shared_prefix(12, seed=1)
    batches = [spans[k : k + 8] for k in range(0, len(spans), 8)]

    def engine() -> TreeEngine:
        made = TreeEngine(llama.float(), PlainEngine(llama, batching("cpu")), budget=64)
        made.prepare(spans)
        return made

    try:
        through = engine()
        whole = [through.score(batch, Details()) for batch in batches]
        for k in (0, 2, 4):
            resumed = engine()
            if k:
                resumed.score(other, Details())  # something else in the path
            for ours, theirs in zip(resumed.score(batches[k], Details()), whole[k], strict=True):
                assert ours.logprobs.tobytes() == theirs.logprobs.tobytes()
    finally:
        llama.double()


def test_a_trunk_has_what_many_share_and_none_scores() -> None:
    spans = shared_prefix(30)
    trunk = trunk_of(plant(spans), 64)
    assert [(tokens.tolist(), above) for tokens, above in trunk.branches] == [(list(spans[0].tokens[:70]), Trunk())]
    assert trunk_of(plant([Span(s.tokens, 20) for s in spans]), 64) == Trunk()  # too little is left unscored
    assert trunk_of(plant(spans[:4]), 64) == Trunk()


def test_ties_are_decided_as_argmax_does() -> None:
    model = tiny.llama(VOCABULARY)
    with torch.no_grad():
        model.lm_head.weight[10:20] = model.lm_head.weight[10]  # ten tokens that always tie
        model.lm_head.weight[10:20] += 3 * model.lm_head.weight.abs().max()
    spans = [Span((*range(30, 45), token), 15) for token in range(VOCABULARY)]
    scores = TreeEngine(model, PlainEngine(model, batching("cpu"))).score(spans, Details())
    with torch.inference_mode():
        table = model(input_ids=torch.tensor([list(range(30, 45))])).logits[0, -1]
    assert [bool(s.first.all()) for s in scores] == [t == int(table.argmax()) for t in range(VOCABULARY)]


def test_memory_that_ends_halves_the_passes(llama: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = TreeEngine(llama, PlainEngine(llama, batching("cpu")), budget=512)
    exact = engine.head.score

    def small(tokens: Any, *args: Any, **kwargs: Any) -> None:
        if tokens.numel() > 150:
            raise RuntimeError("CUDA out of memory. Tried to allocate 20.00 MiB")
        exact(tokens, *args, **kwargs)

    monkeypatch.setattr(engine.head, "score", small)
    spans = shared_prefix(30)
    assert worst(engine.score(spans, Details()), llama, spans) < 1e-10
    assert engine.budget == 128
