"""Other objectives than left to right, against brute force over what each position may see."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import BertConfig, BertForMaskedLM, PreTrainedTokenizerFast

from bench.capabilities import Machine
from bench.errors import UsageError
from bench.language import Details, Draw
from bench.models.hf.adapter import HuggingFace, hf
from bench.models.hf.batching import batching
from bench.models.hf.checkpoint import Loaded
from bench.models.hf.encoding import Span
from bench.models.hf.objectives import MaskedEngine, PrefixEngine
from bench.models.hf.plain import PlainEngine
from tests.models import tiny
from tests.models.architectures import make


def masked() -> Loaded:
    tokenizer = tiny.byte_tokenizer(begin=False)
    special = {"cls_token": "<s>", "sep_token": "</s>", "mask_token": "<mask>", "pad_token": "</s>"}
    wrapped = PreTrainedTokenizerFast(tokenizer_object=tokenizer.backend_tokenizer, **special)
    torch.manual_seed(0)
    config = BertConfig(vocab_size=len(wrapped), hidden_size=32, num_hidden_layers=2, num_attention_heads=4,
                        intermediate_size=48, max_position_embeddings=64, initializer_range=0.3)  # fmt: skip
    return Loaded(BertForMaskedLM(config).double().eval(), wrapped)


def test_pseudo_log_likelihoods_are_those_of_masking_one_token_at_a_time() -> None:
    made = masked()
    tokenizer = made.tokenizer
    requests = [("The owl", " wants that nest."), ("", "So no."), ("Größe ", "東京"), ("The owl", " wants")]
    for (context, text), scored in zip(requests, HuggingFace(made, objective="masked").score(requests), strict=True):
        head = tokenizer.encode(context.rstrip(), add_special_tokens=False)
        whole = tokenizer.encode(context + text, add_special_tokens=False)
        expected = []
        for at in range(len(head), len(whole)):
            ids = torch.tensor([[tokenizer.cls_token_id, *whole, tokenizer.sep_token_id]])
            ids[0, 1 + at] = tokenizer.mask_token_id
            with torch.inference_mode():
                expected.append(float(made.model(ids).logits[0, 1 + at].log_softmax(-1)[whole[at]]))
        np.testing.assert_allclose(scored.logprobs, expected, rtol=0, atol=1e-10)


def test_masked_scores_do_not_see_their_own_token() -> None:
    made = masked()
    engine = MaskedEngine(made.model, made.tokenizer, batching("cpu", 3))
    rest = tuple(range(5, 25))
    every = [Span((*rest[:9], t, *rest[10:]), 9) for t in range(len(made.tokenizer))]
    got = engine.score(every, Details(entropy=True))
    assert sum(np.exp(s.logprobs[0]) for s in got) == pytest.approx(1.0, abs=1e-9)
    assert len({round(float(s.details.entropy[0]), 9) for s in got if s.details and s.details.entropy is not None}) == 1


def test_long_texts_of_masked_models_are_scored_in_windows() -> None:
    made = masked()
    (scored,) = HuggingFace(made, objective="masked").score([("", "The quick fox sees a seed near its hill. " * 12)])
    assert scored.tokens > 128
    assert np.isfinite(scored.logprobs).all()


@pytest.mark.parametrize("name", ["llama", "gpt2", "gpt-neox"])
def test_a_context_that_sees_itself_whole(name: str) -> None:
    model = make(name, torch.float64)
    rng = np.random.default_rng(0)
    spans = [Span(tuple(rng.integers(97, size=n).tolist()), first) for n, first in ((12, 7), (5, 4), (20, 3), (9, 1))]
    engine = PrefixEngine(model, batching("cpu"))
    plain = PlainEngine(model, batching("cpu"))
    for span, scores in zip(spans, engine.score(spans, Details()), strict=True):
        expected = brute(model, span)
        np.testing.assert_allclose(scores.logprobs, expected, rtol=0, atol=1e-10)
    (ours,), (theirs,) = engine.score(spans[3:], Details()), plain.score(spans[3:], Details())
    np.testing.assert_allclose(ours.logprobs, theirs.logprobs, rtol=0, atol=1e-10)  # one token sees nothing more
    # A scored token depends on the order of the context's later tokens even where it stands early, and never on
    # what follows it.
    changed = Span((*spans[0].tokens[:-1], 3), 7)
    (again,) = engine.score([changed], Details())
    first = engine.score(spans[:1], Details())[0].logprobs
    np.testing.assert_allclose(again.logprobs[:-1], first[:-1], rtol=0, atol=1e-12)
    assert np.abs(first - plain.score(spans[:1], Details())[0].logprobs).max() > 1e-3


def brute(model: Any, span: Span) -> list[float]:
    """One pass for each scored token, cut off before it, under an explicit mask."""
    out = []
    for at in range(span.first, len(span.tokens)):
        seen = torch.ones(at, at, dtype=torch.bool).tril()
        seen[: span.first, : span.first] = True
        mask = torch.zeros(1, 1, at, at, dtype=torch.float64).masked_fill(~seen, float("-inf"))
        with torch.inference_mode():
            logits = model(torch.tensor([span.tokens[:at]]), attention_mask=mask).logits[0, -1]
        out.append(float(logits.log_softmax(-1)[span.tokens[at]]))
    return out


def test_checkpoints_are_asked_by_objective(tmp_path: Path) -> None:
    made = masked()
    made.model.save_pretrained(tmp_path / "bert")
    made.tokenizer.save_pretrained(tmp_path / "bert")
    model = hf(str(tmp_path / "bert"), machine=Machine(offline=True), dtype="float64", objective="masked")
    expected = HuggingFace(made, objective="masked").score([("The owl", " wants")])[0]
    np.testing.assert_allclose(model.score([("The owl", " wants")])[0].logprobs, expected.logprobs, rtol=0, atol=1e-10)
    assert model.usage().engine == "masked"
    with pytest.raises(UsageError, match="writes no texts"):
        model.generate([Draw("The", 0)])
    with pytest.raises(UsageError, match="no mask token"):
        HuggingFace(tiny.loaded(), objective="masked").score([("a", "b")])
    with pytest.raises(UsageError, match="objective 'span'"):
        hf("nowhere", machine=Machine(), objective="span")
