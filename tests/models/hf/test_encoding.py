"""Texts become tokens as lm-evaluation-harness makes them."""

from __future__ import annotations

from typing import Any

import pytest
from lm_eval.api.model import TemplateLM
from lm_eval.utils import get_rolling_token_windows, make_disjoint_window

from bench.errors import UsageError
from bench.models.hf.encoding import Encoder, prompts, spans, window_length, windows
from tests.models import tiny

TOKENIZERS = {
    "bytes": tiny.byte_tokenizer(),
    "bytes, no begin token": tiny.byte_tokenizer(begin=False),
    "words": tiny.word_tokenizer(),
}
PAIRS = [
    ("Q: 7 + 25 = ?\nA:", " 32."),
    ("Q: 7 + 25 = ?\nA: ", "32."),
    ("The owl  ", "  wants"),
    ("The owl\n\n", "wants"),
    ("The owl\t ", ""),
    ("The", " "),
    ("So", "\n"),
    (" leading", " space "),
    ("<s>The owl", " wants that nest."),
    ("Größe", " 東京 😀"),
    ("café", "\u00a0— naïve"),
]


class Harness(TemplateLM):  # type: ignore[misc]  # the library is untyped
    """The harness's own encoding over one of our tokenizers."""

    backend = "causal"

    def __init__(self, tokenizer: Any) -> None:
        super().__init__()
        self.tokenizer = tokenizer

    @property
    def eot_token_id(self) -> int:
        return int(self.tokenizer.eos_token_id)

    @property
    def prefix_token_id(self) -> int:
        return int(self.tokenizer.bos_token_id)

    def tok_encode(self, string: str, add_special_tokens: bool | None = None, **_: Any) -> list[int]:
        # As lm_eval.models.huggingface.HFLM does it: no second begin token.
        if add_special_tokens is None:
            add_special_tokens = not string.startswith(self.tokenizer.decode(self.prefix_token_id))
        return list(self.tokenizer.encode(string, add_special_tokens=add_special_tokens))

    def _loglikelihood_tokens(self, requests: Any, **_: Any) -> Any:
        return [(context, continuation) for _, context, continuation in requests]

    def loglikelihood_rolling(self, requests: Any, disable_tqdm: bool = False) -> Any: ...

    def generate_until(self, requests: Any, disable_tqdm: bool = False) -> Any: ...


@pytest.mark.parametrize("name", TOKENIZERS)
@pytest.mark.parametrize(("context", "continuation"), PAIRS)
def test_pairs_are_encoded_as_the_harness_does(name: str, context: str, continuation: str) -> None:
    tokenizer = TOKENIZERS[name]
    head, tail = Harness(tokenizer)._encode_pair(context, continuation)
    several = spans(Encoder(tokenizer, 128), [(context, continuation)])[0]
    if not tail:
        assert several == []
        return
    assert len(several) == 1
    assert several[0].tokens == (*head, *tail)
    assert several[0].first == len(head)


@pytest.mark.parametrize("name", TOKENIZERS)
@pytest.mark.parametrize("text", ["The owl wants.", " leading", "<s>The owl", "\n"])
def test_texts_without_context_follow_the_prefix_token_as_in_the_harness(name: str, text: str) -> None:
    class Request:
        args = ("", text)

    tokenizer = TOKENIZERS[name]
    head, tail = Harness(tokenizer).loglikelihood([Request()], disable_tqdm=True)[0]
    span = spans(Encoder(tokenizer, 128), [("", text)])[0][0]
    assert (list(span.tokens), span.first) == ([*head, *tail], len(head))


def test_a_context_of_spaces_alone_opens_the_text() -> None:
    encoder = Encoder(TOKENIZERS["bytes"], 128)
    assert spans(encoder, [("  ", "owl")]) == spans(encoder, [("", "  owl")])


def test_a_swallowed_continuation_is_still_scored() -> None:
    tokenizer = TOKENIZERS["bytes"]
    merged = next(t for t in ("So", "er", "is", "an", "th") if len(tokenizer.encode(t, add_special_tokens=False)) == 1)
    _, tail = Harness(tokenizer)._encode_pair(merged[0], merged[1])
    assert tail == []  # the harness has nothing to score here
    (span,) = spans(Encoder(tokenizer, 128), [(merged[0], merged[1])])[0]
    assert list(span.tokens[span.first :]) == tokenizer.encode(merged[1], add_special_tokens=False)


@pytest.mark.parametrize("total", [1, 2, 7, 8, 9, 10, 16, 17, 18, 31, 40])
@pytest.mark.parametrize("stride", [0, 1, 3, 8])
def test_rolling_windows_are_the_harness_s(total: int, stride: int) -> None:
    size, prefix = 8, -1
    tokens = list(range(100, 100 + total))
    ours = []
    for start, first, end in windows(Encoder(None, size, stride), [prefix, *tokens], 1):
        window = [prefix, *tokens][start:end]
        ours.append((window[: first - start], window[first - start :]))
    context = size - (stride or size) + 1
    theirs = [make_disjoint_window(w) for w in get_rolling_token_windows(tokens, prefix, size, context)]
    assert [scored for _, scored in ours] == [scored for _, scored in theirs]
    assert [token for _, scored in ours for token in scored] == tokens
    assert [context for context, _ in ours] == [context for context, _ in theirs]


def test_long_contexts_lose_tokens_from_the_left() -> None:
    encoder = Encoder(None, 8)
    assert windows(encoder, range(20), 15) == [(11, 15, 20)]
    assert windows(encoder, range(9), 4) == [(0, 4, 9)]


@pytest.mark.parametrize("first", [1, 3, 8, 9, 12])
@pytest.mark.parametrize("stride", [0, 3])
def test_windows_score_each_token_once_within_the_length(first: int, stride: int) -> None:
    cuts = windows(Encoder(None, 8, stride), range(40), first)
    scored = [i for _, start, end in cuts for i in range(start, end)]
    assert scored == list(range(first, 40))
    assert all(0 <= start < begin and end - start <= 9 for start, begin, end in cuts)


def test_prompts_leave_room_for_what_follows() -> None:
    tokenizer = TOKENIZERS["bytes"]
    (long,) = prompts(Encoder(tokenizer, 16), ["The quick fox sees a seed near its hill."], [10])
    assert len(long) == 7  # the last of ten new tokens is never fed: 7 + 9 positions
    assert prompts(Encoder(TOKENIZERS["bytes, no begin token"], 16), [""], [4]) == [(0,)]


def test_a_chat_template_dresses_contexts_and_prompts() -> None:
    tokenizer = tiny.byte_tokenizer()
    with pytest.raises(UsageError, match="no chat template"):
        prompts(Encoder(tokenizer, 64, chat=True), ["hi"], [4])
    tokenizer.chat_template = "{{ bos_token }}{% for m in messages %}[{{ m.content }}]{% endfor %}:"
    encoder = Encoder(tokenizer, 64, chat=True)
    dressed = tokenizer.encode("[Bo?]:", add_special_tokens=True)
    assert list(prompts(encoder, ["Bo?"], [4])[0]) == dressed  # one begin token, not two
    (span,) = spans(encoder, [("Bo?", " no")])[0]
    assert list(span.tokens[: span.first]) == dressed
    (document,) = spans(encoder, [("", "Bo")])[0]
    assert document.first == 1


def test_the_window_is_the_configuration_s() -> None:
    model = tiny.llama(50, length=77)
    assert window_length(model.config, TOKENIZERS["words"]) == 77
    assert window_length(model.config, TOKENIZERS["words"], asked=12) == 12
    assert window_length(tiny.gpt2(50, length=33).config, TOKENIZERS["words"]) == 33
