"""Scores against a plain full forward pass of transformers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from bench.language import Details
from bench.models.documents import document_logprobs
from bench.models.hf.adapter import HuggingFace
from bench.models.hf.batching import Batching, batching, run_in_batches
from bench.models.hf.checkpoint import Loaded
from bench.models.hf.encoding import Span
from bench.models.hf.plain import PlainEngine
from bench.models.hf.scoring import Scores
from tests.models import tiny


def score_spans(model: Any, spans: list[Span], limits: Batching) -> list[Scores]:
    return PlainEngine(model, limits).score(spans, Details())


def plain(model: Any, tokens: tuple[int, ...]) -> torch.Tensor:
    """Log-softmax of one unpadded forward pass, (tokens - 1, V), in float64."""
    with torch.inference_mode():
        return model(input_ids=torch.tensor([tokens[:-1]])).logits[0].double().log_softmax(-1)


def random_spans(vocabulary: int, n: int = 40) -> list[Span]:
    rng = np.random.default_rng(0)
    out = []
    for _ in range(n):
        tokens = tuple(int(t) for t in rng.integers(vocabulary, size=rng.integers(2, 40)))
        out.append(Span(tokens, int(rng.integers(1, len(tokens)))))
    # Choices of one context, one that begins another, and a repeat.
    context = out[0].tokens
    return [*out, *(Span((*context, t), len(context)) for t in range(3)), Span(context[:-1], 1), out[1]]


@pytest.mark.parametrize("make", [tiny.llama, tiny.gpt2])
@pytest.mark.parametrize("rows", [1, 7, 64])
def test_scores_equal_a_plain_forward(make: Callable[[int], Any], rows: int) -> None:
    model = make(50)
    spans = random_spans(50)
    for span, scores in zip(spans, score_spans(model, spans, batching("cpu", rows)), strict=True):
        table = plain(model, span.tokens)[span.first - 1 :]
        expected = table.gather(1, torch.tensor(span.tokens[span.first :])[:, None])[:, 0].numpy()
        np.testing.assert_allclose(scores.logprobs, expected, rtol=0, atol=1e-6)
        assert scores.first.tolist() == [
            int(t) == w for t, w in zip(table.argmax(1), span.tokens[span.first :], strict=True)
        ]


def test_scores_do_not_depend_on_the_batch() -> None:
    model, spans = tiny.llama(50), random_spans(50)
    alone = [score_spans(model, [span], batching("cpu", 1))[0].logprobs for span in spans]
    together = [scores.logprobs for scores in score_spans(model, spans, batching("cpu", 64))]
    assert max(np.abs(a - b).max() for a, b in zip(alone, together, strict=True)) < 1e-9


def test_low_precision_logits_are_normalised_in_float32() -> None:
    model = tiny.llama(50).to(torch.bfloat16)
    spans = [Span(tuple(range(1, 20)), 1)]
    with torch.inference_mode():
        logits = model(input_ids=torch.tensor([spans[0].inputs])).logits[0].float()
    expected = logits.log_softmax(-1).gather(1, torch.tensor(spans[0].tokens[1:])[:, None])[:, 0]
    np.testing.assert_allclose(score_spans(model, spans, batching("cpu"))[0].logprobs, expected, rtol=0, atol=1e-6)


def test_the_head_runs_only_where_a_score_is_asked_and_once_for_shared_rows() -> None:
    model = tiny.llama(50)
    fed: list[tuple[int, ...]] = []
    head: list[tuple[int, ...]] = []
    model.model.embed_tokens.register_forward_hook(lambda _m, inputs, _o: fed.append(tuple(inputs[0].shape)))
    model.lm_head.register_forward_hook(lambda _m, inputs, _o: head.append(tuple(inputs[0].shape)))
    context = tuple(range(1, 21))
    choices = [Span((*context, t), len(context)) for t in range(4)]
    engine = PlainEngine(model, batching("cpu"))
    fed.clear()
    head.clear()
    engine.score([*choices, *choices], Details())
    assert fed == [(1, 20)]
    assert head == []  # applied as a product of its weights, to one place for all requests


def test_models_whose_head_cannot_be_found_are_scored_in_full() -> None:
    model, spans = tiny.llama(50), random_spans(50, 5)
    expected = score_spans(model, spans, batching("cpu"))
    model.get_output_embeddings = lambda: None
    for ours, theirs in zip(score_spans(model, spans, batching("cpu")), expected, strict=True):
        np.testing.assert_allclose(ours.logprobs, theirs.logprobs, rtol=0, atol=1e-9)


def test_whatever_follows_the_head_is_kept() -> None:
    from transformers import Gemma2Config, Gemma2ForCausalLM

    torch.manual_seed(0)
    config = Gemma2Config(
        vocab_size=50, hidden_size=32, intermediate_size=32, num_hidden_layers=2, num_attention_heads=2,
        num_key_value_heads=1, head_dim=16, final_logit_softcapping=0.5, sliding_window=8, initializer_range=0.3,
        attn_implementation="eager",
    )  # fmt: skip
    model = Gemma2ForCausalLM(config).double().eval()
    spans = random_spans(50, 10)
    for span, scores in zip(spans, score_spans(model, spans, batching("cpu", 8)), strict=True):
        expected = plain(model, span.tokens)[span.first - 1 :].gather(
            1, torch.tensor(span.tokens[span.first :])[:, None]
        )
        np.testing.assert_allclose(scores.logprobs, expected[:, 0].numpy(), rtol=0, atol=1e-5)


def test_long_documents_are_scored_in_windows_each_token_once() -> None:
    made = tiny.loaded(length=24)
    text = "The quick fox sees a seed near its hill. " * 6
    ids = made.tokenizer.encode(text, add_special_tokens=False)
    assert len(ids) > 48
    (logprobs,) = document_logprobs(HuggingFace(made), [text])
    stream = (made.tokenizer.bos_token_id, *ids)
    expected: list[float] = []
    for end in [25, *range(49, len(stream), 24), len(stream)]:  # the harness's windows: a full one, then by its length
        window = stream[max(0, end - 25) : end]
        table = plain(made.model, window)
        new = end - 1 - len(expected)
        expected += [float(table[i - 1, window[i]]) for i in range(len(window) - new, len(window))]
    np.testing.assert_allclose(logprobs, expected, rtol=0, atol=1e-6)


def test_score_reports_greedy_and_empty_continuations() -> None:
    model = HuggingFace(tiny.loaded())
    (made,) = [model.source]
    assert isinstance(made, Loaded)
    ids = made.tokenizer.encode("The owl")
    best = int(plain(made.model, (*ids, 0))[-1].argmax())
    worst = int(plain(made.model, (*ids, 0))[-1].argmin())
    spans = [Span((*ids, best), len(ids)), Span((*ids, worst), len(ids))]
    assert [bool(s.first.all()) for s in score_spans(made.model, spans, batching("cpu"))] == [True, False]
    (empty,) = model.score([("The owl", "")])
    assert empty.logprobs.shape == (0,)


def test_batches_halve_when_memory_ends() -> None:
    seen: list[list[int]] = []

    def run(batch: Any) -> None:
        if len(batch) > 3:
            raise RuntimeError("CUDA out of memory. Tried to allocate 20.00 MiB")
        seen.append(list(batch))

    limits = Batching(8, 10**6)
    run_in_batches(list(range(20)), lambda _: 5, limits, run)
    assert [i for batch in seen for i in batch] == list(range(20))
    assert limits.rows == 2


def test_one_row_that_does_not_fit_is_an_error() -> None:
    from bench.errors import EvaluationError

    def run(_: Any) -> None:
        raise RuntimeError("CUDA out of memory")

    with pytest.raises(EvaluationError, match="no memory for one sequence of 5 tokens"):
        run_in_batches([0, 1], lambda _: 5, Batching(2, 100), run)


def test_other_errors_pass_through() -> None:
    def run(_: Any) -> None:
        raise RuntimeError("shape mismatch")

    with pytest.raises(RuntimeError, match="shape mismatch"):
        run_in_batches([0, 1], lambda _: 5, Batching(2, 100), run)
