"""Which engine scores what, that all of them agree, and what they tell of a token."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from bench.capabilities import Machine
from bench.errors import UsageError
from bench.language import Details
from bench.models.hf import cascade, selftest
from bench.models.hf import engine as engines
from bench.models.hf.adapter import HuggingFace, hf
from bench.models.hf.batching import batching
from bench.models.hf.checkpoint import Loaded
from bench.models.hf.engine import TreeEngine
from bench.models.hf.harness import HarnessEngine
from bench.models.hf.plain import PlainEngine
from tests.models import tiny
from tests.models.architectures import PLAIN, TREE, make
from tests.models.hf.test_tree import VOCABULARY, enumerated, forest, worst

CHAT = "{% for m in messages %}<|{{ m.role }}|>{{ m.content }}{% endfor %}<|assistant|>"
REQUESTS = [
    ("Q: 7 + 25 = ?\nA:", " 32."),
    ("Q: 7 + 25 = ?\nA:", " 3"),
    ("Q: 7 + 25 = ?\nA:", " 32. 32 - 4 = 28."),
    ("Q: 7 + 25 = ?\nA: ", "32."),
    ("", "The owl wants that nest."),
    ("", "<s>The owl wants that nest."),
    ("Größe", " 東京 😀"),
    ("The owl", " wants"),
    ("The owl", " wants"),
    ("The quick fox sees a seed near its hill. " * 12, "The owl"),
]


def chosen(model: Any, asked: str = "auto") -> Any:
    return selftest.choose_engine(Loaded(model, None), batching("cpu"), asked, length=256)


@pytest.mark.parametrize("name", TREE)
def test_the_tree_is_chosen_where_it_is_right(name: str) -> None:
    engine = chosen(make(name))
    assert engine.name == "tree"
    assert not engine.dense
    assert engine.meter.copy().scored_tokens_run == 0
    assert engine.window == (200 if name == "mistral, wide window" else 1 << 60)


@pytest.mark.parametrize("name", PLAIN)
def test_foreign_architectures_take_the_plain_path_and_say_why(name: str, caplog: pytest.LogCaptureFixture) -> None:
    model = make(name)
    engine = chosen(model)
    assert engine.name == "plain"
    assert engine.meter.copy().note
    assert engine.meter.copy().note in caplog.text
    spans = forest(4)
    assert worst(engine.score(spans, Details()), model, spans) < 1e-4
    with pytest.raises(UsageError, match="can't be scored over a prefix tree"):
        chosen(model, "tree")


def test_texts_longer_than_a_window_are_left_to_plain_batches() -> None:
    model = make("mistral, wide window", torch.float64)
    model.config.sliding_window = 50
    engine = chosen(model)
    assert (engine.name, engine.window) == ("tree", 50)
    spans = [span for seed in range(6) for span in forest(seed)]
    assert any(len(span.inputs) > 50 for span in spans)
    assert worst(engine.score(spans, Details()), model, spans) < 1e-10
    far = sum(len(inputs) for inputs in {span.inputs for span in spans if len(span.inputs) > 50})
    assert engine.plain.meter.scored_tokens_run >= far
    assert engine.meter.scored_tokens_run > engine.plain.meter.scored_tokens_run


def test_texts_whose_positions_turn_by_their_length_are_left_to_plain_batches() -> None:
    from transformers import Phi3Config, Phi3ForCausalLM

    torch.manual_seed(0)
    rope = {"rope_type": "longrope", "rope_theta": 1e4, "short_factor": [1.0] * 4, "long_factor": [3.0] * 4}
    config = Phi3Config(
        vocab_size=97, hidden_size=32, intermediate_size=48, num_hidden_layers=2, num_attention_heads=4,
        original_max_position_embeddings=50, max_position_embeddings=256, rope_parameters=rope, pad_token_id=0,
        initializer_range=0.25,
    )  # fmt: skip
    model = Phi3ForCausalLM(config).double().eval()
    engine = chosen(model)
    assert (engine.name, engine.window) == ("tree", 50)
    spans = [span for seed in range(6) for span in forest(seed)]
    assert worst(engine.score(spans, Details()), model, spans) < 1e-10
    engine.window = 1 << 60
    assert worst(engine.score(spans, Details()), model, spans) > 1e-3  # what it is there for


def wrong(kind: str) -> Any:
    exact = cascade._cascade

    def attention(now: Any, layer: int, q: Any, k: Any, v: Any, scale: float) -> Any:
        if kind == "no path" and now.work.depth:
            return exact(now, layer, q, k, v, scale) * 0.99
        if kind == "not a number":
            return exact(now, layer, q, k, v, scale) * float("nan")
        if kind == "no kernel":
            raise NotImplementedError("not on this device")
        return exact(now, layer, q, k, v, scale)

    return attention


@pytest.mark.parametrize("kind", ["no path", "not a number", "no kernel"])
def test_a_cascade_that_fails_gives_way_to_one_mask(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cascade, "_cascade", wrong(kind))
    model = make("llama")
    engine = chosen(model)
    assert engine.dense
    assert engine.meter.copy().note.startswith("one masked attention: ")
    spans = forest(5)
    assert worst(engine.score(spans, Details()), model, spans) < 1e-4


def test_a_model_that_skips_a_layer_s_attention_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    model = make("llama")
    skip = lambda hidden_states, **_: (hidden_states, None)  # noqa: E731
    monkeypatch.setattr(model.model.layers[1].self_attn, "forward", skip)
    engine = chosen(model)
    assert (engine.name, engine.meter.note) == ("plain", "1 calls of attention in a pass of 2 layers")


def test_attention_is_the_model_s_own_again_afterwards() -> None:
    model = make("llama")
    before = model.config._attn_implementation
    engine = chosen(model)
    engine.score(forest(0), Details())
    assert model.config._attn_implementation == before != cascade.NAME


@pytest.mark.parametrize("chat", [False, True])
@pytest.mark.parametrize("make_model", [tiny.llama, tiny.gpt2])
def test_all_engines_agree_with_the_harness(make_model: Any, chat: bool) -> None:
    tokenizer = tiny.byte_tokenizer()
    tokenizer.chat_template = CHAT
    made = Loaded(make_model(len(tokenizer)).float(), tokenizer)
    tree, plain, theirs = (HuggingFace(made, engine=e, chat_template=chat) for e in ("tree", "plain", "lm-eval"))
    for a, b, c in zip(*(model.score(REQUESTS) for model in (tree, plain, theirs)), strict=True):
        np.testing.assert_allclose(a.logprobs, c.logprobs, rtol=0, atol=1e-4)
        np.testing.assert_allclose(b.logprobs, c.logprobs, rtol=0, atol=1e-4)
        assert a.greedy == b.greedy == c.greedy
    assert [m.usage().engine for m in (tree, plain, theirs)] == ["tree", "plain", "lm-eval"]
    assert tree.usage().scored_tokens_run < plain.usage().scored_tokens_run
    assert tree.usage().scored_tokens == theirs.usage().scored_tokens
    assert tree.usage().scored_tokens_run < theirs.usage().scored_tokens_run


@pytest.mark.parametrize("rows", [1, 4])
def test_requests_score_as_the_harness_encodes_and_scores_them(tmp_path: Path, rows: int) -> None:
    from lm_eval.api.instance import Instance
    from lm_eval.models.huggingface import HFLM

    # With a begin token of its own the harness puts two before a document, and scores the second.
    folder = tiny.save(tmp_path, tiny.loaded(begin=False))
    ours = hf(str(folder), machine=Machine(offline=True), dtype="float32").score(REQUESTS)
    peer = HFLM(pretrained=str(folder), dtype="float32", device="cpu", batch_size=rows)
    instances = [Instance("loglikelihood", {}, pair, k) for k, pair in enumerate(REQUESTS)]
    for a, (total, greedy) in zip(ours, peer.loglikelihood(instances, disable_tqdm=True), strict=True):
        assert a.total == pytest.approx(total, abs=1e-4)
        assert a.greedy == greedy
    texts = ["The quick fox sees a seed near its hill. " * 12, "The owl"]
    rolling = [Instance("loglikelihood_rolling", {}, (text,), k) for k, text in enumerate(texts)]
    totals = peer.loglikelihood_rolling(rolling, disable_tqdm=True)
    mine = hf(str(folder), machine=Machine(offline=True), dtype="float32").score([("", text) for text in texts])
    np.testing.assert_allclose([s.total for s in mine], totals, rtol=0, atol=1e-4)


@pytest.mark.parametrize("engine", ["tree", "plain"])
@pytest.mark.parametrize("name", ["llama", "cohere"])
def test_details_are_those_of_the_whole_distribution(name: str, engine: str) -> None:
    model = make(name, torch.float64)
    spans = forest(6)
    got = chosen(model, engine).score(spans, Details(rank=True, entropy=True, top=3, hidden=True))
    for span, scores in zip(spans, got, strict=True):
        with torch.inference_mode():
            out = model(input_ids=torch.tensor([span.inputs]), output_hidden_states=True)
        table = out.logits[0, span.first - 1 :].log_softmax(-1)
        wanted = torch.tensor(span.tokens[span.first :])
        own = table.gather(1, wanted[:, None])
        details = scores.details
        assert details is not None
        np.testing.assert_array_equal(details.token_ids, wanted)
        np.testing.assert_array_equal(details.rank, 1 + (table > own).sum(1))
        np.testing.assert_allclose(details.entropy, -(table.exp() * table).sum(1), atol=1e-10)
        top = table.topk(3)
        np.testing.assert_array_equal(details.top_ids, top.indices)
        np.testing.assert_allclose(details.top_logprobs, top.values, rtol=0, atol=1e-10)
        np.testing.assert_allclose(details.top_mass, top.values.exp().sum(1), rtol=0, atol=1e-10)
        np.testing.assert_allclose(details.hidden, out.hidden_states[-1][0, span.first - 1 :], rtol=0, atol=1e-10)


def test_details_go_through_windows_and_cost_nothing_unasked() -> None:
    made = tiny.loaded(length=24)
    model = HuggingFace(made)
    text = "The quick fox sees a seed near its hill. " * 6
    (plain,) = model.score([("", text)])
    (full,) = model.score([("", text)], Details(rank=True, top=1))
    assert plain.details is None
    assert full.details is not None
    assert full.details.rank is not None
    assert full.details.top_logprobs is not None
    assert full.tokens == len(full.details.rank) == len(full.details.token_ids) > 48
    assert full.bytes == len(text.encode())
    assert full.details.entropy is None
    first = full.details.rank == 1
    np.testing.assert_allclose(full.logprobs[first], full.details.top_logprobs[first, 0], rtol=0, atol=0)
    assert np.all(full.details.top_logprobs[~first, 0] > full.logprobs[~first])


def test_slices_of_the_head_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    from bench.models.hf import scoring

    for name in ("llama", "cohere", "phi"):
        model, spans = make(name, torch.float64), forest(7)
        whole = PlainEngine(model, batching("cpu")).score(spans, Details(entropy=True))
        with monkeypatch.context() as patch:
            patch.setattr(scoring, "_MOST_ROWS", 3)
            patch.setattr(scoring, "_LEAST_ROWS", 3)
            engine = TreeEngine(model, PlainEngine(model, batching("cpu")))
            assert engine.head.rows == 3
            for a, b in zip(engine.score(spans, Details(entropy=True)), whole, strict=True):
                np.testing.assert_allclose(a.logprobs, b.logprobs, rtol=0, atol=1e-10)
                assert a.first.tolist() == b.first.tolist()


def test_bfloat16_stays_near_float32() -> None:
    torch.manual_seed(0)
    wide = make("llama")
    narrow = make("llama", torch.bfloat16)
    wide.load_state_dict(narrow.float().state_dict())
    narrow.bfloat16()
    spans = forest(8)
    engine = chosen(narrow)
    assert engine.name == "tree"
    ours, exact = engine.score(spans, Details()), chosen(wide).score(spans, Details())
    assert max(np.abs(a.logprobs - b.logprobs).max() for a, b in zip(ours, exact, strict=True)) < 0.1


def test_the_harness_gives_no_details() -> None:
    engine = HarnessEngine(tiny.loaded(), 1, 128)
    with pytest.raises(UsageError, match="no details"):
        engine.score([], Details(rank=True))


def test_an_unknown_engine_is_refused() -> None:
    with pytest.raises(UsageError, match="engine 'fast'"):
        HuggingFace(tiny.loaded(), engine="fast")


def test_an_accelerator_s_passes_fill_a_share_of_its_free_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    class Remote:
        device, dtype, config = torch.device("cuda"), torch.bfloat16, make("llama").config

    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda _device: (200 << 20, 80 << 30))
    assert engines.token_budget(Remote()) == 16_384
    token = (8 * 32 + 3 * 128) * 2
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda _device: (4 * 2048 * token + 5, 80 << 30))
    assert engines.token_budget(Remote()) == 2048
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda _device: (1 << 20, 80 << 30))
    assert engines.token_budget(Remote()) == 1024
    assert engines.token_budget(make("llama")) == 1024


def test_the_self_test_uses_few_tokens_and_fits_short_models() -> None:
    for length in (4, 8, 24, 64, 1000):
        spans = selftest._random_tree(VOCABULARY, length)
        assert max(len(span.inputs) for span in spans) <= min(length, 60)
        assert all(1 <= span.first < len(span.tokens) for span in spans)
    assert enumerated(make("gpt2"), spans[0])[0].shape == (len(spans[0].tokens) - spans[0].first,)
