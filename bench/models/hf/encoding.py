"""From texts to tokens: a context and its continuation, long documents in windows, and prompts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bench.errors import UsageError

_DEFAULT_LENGTH = 2048
_LENGTH_KEYS = ("max_position_embeddings", "n_positions", "n_ctx", "max_seq_len", "max_sequence_length", "seq_length")


@dataclass(frozen=True)
class Span:
    """Tokens as one pass of the model sees them, of which those from `first` on are scored.  first >= 1."""

    tokens: tuple[int, ...]
    first: int

    @property
    def inputs(self) -> tuple[int, ...]:
        """What goes into the model: all but the last token, which is only predicted."""
        return self.tokens[:-1]


@dataclass(frozen=True)
class Encoder:
    """A tokenizer, the model's window, and how contexts are dressed.

    length: tokens that the model can take in one pass.  stride: tokens that a further window of a long text scores
    (0: as many as fit, the evaluation harness's way; fewer give each token more context and cost more passes).
    begin: what stands before a text without context, where whoever scores adds special tokens itself.
    """

    tokenizer: Any
    length: int
    stride: int = 0
    chat: bool = False
    begin: int | None = None

    @property
    def prefix(self) -> int:
        """What stands before a text without context: the token that begins, or else ends, a text."""
        if self.begin is not None:
            return self.begin
        for token in (self.tokenizer.bos_token_id, self.tokenizer.eos_token_id):
            if token is not None:
                return int(token)
        raise UsageError(
            "the tokenizer has neither a begin- nor an end-of-text token",
            cause="a text without context needs one of them before it",
            fix="set bos_token in tokenizer_config.json",
        )


def window_length(config: Any, tokenizer: Any, asked: int = 0) -> int:
    """Tokens that a model takes in one pass: as asked, else from its configuration, else from its tokenizer."""
    if asked:
        return asked
    config = config.get_text_config(decoder=True)
    for key in _LENGTH_KEYS:
        value = getattr(config, key, None)
        if isinstance(value, int) and value > 0:
            return value
    named = int(getattr(tokenizer, "model_max_length", 0) or 0)
    return named if 0 < named < 10**9 else _DEFAULT_LENGTH


def spans(encoder: Encoder, requests: Sequence[tuple[str, str]]) -> list[list[Span]]:
    """The passes that score each (context, continuation): one, or several where the continuation is over-long.

    As lm-evaluation-harness encodes them: spaces that end the context open the continuation; the pair is encoded
    as one text and split where the context's own tokens end; without context the text follows the prefix token.
    Differing from it, a continuation that the context's last token swallows is encoded on its own, so that no
    choice is ever scored by zero tokens.
    """
    moved = [_moved(encoder, context, continuation) for context, continuation in requests]
    table = _encode_all(encoder, [text for pair in moved for text in (pair[0], pair[0] + pair[1]) if pair[0]])
    plain = _encode_plain(encoder, [continuation for context, continuation in moved if not context])
    out: list[list[Span]] = []
    for context, continuation in moved:
        if context:
            head = table[context]
            tail = table[context + continuation][len(head) :] if continuation else ()
            if continuation and not tail:
                tail = _encode_plain(encoder, [continuation])[continuation]
        else:
            head, tail = (encoder.prefix,), plain[continuation]
            if tail[:1] == head:  # the text brings its own beginning, which is given, not scored
                tail = tail[1:]
        tokens = (*head, *tail)
        out.append(
            [Span(tokens[start:end], first - start) for start, first, end in windows(encoder, tokens, len(head))]
        )
    return out


def windows(encoder: Encoder, tokens: Sequence[int], first: int) -> list[tuple[int, int, int]]:
    """(start, first scored, end) of the passes that together score `tokens[first:]`, each token once.

    One pass sees at most `length` tokens before the one it predicts.  A text that is too long loses tokens from the
    left, and where the scored part itself is too long, it is scored in consecutive windows, the last one moved back
    to be full.  Nothing to score: no window.
    """
    total, size = len(tokens), encoder.length
    step = min(encoder.stride or size, size)
    if total <= first:
        return []
    if total - first <= size:
        return [(max(0, total - size - 1), first, total)]
    out = []
    end = max(size + 1, first + step)
    while first < total:
        out.append((end - size - 1, first, end))
        first, end = end, min(total, end + step)
    return out


def prompts(encoder: Encoder, texts: Sequence[str], room: Sequence[int]) -> list[tuple[int, ...]]:
    """Tokens of each prompt, cut from the left so that `room` new tokens (where possible) fit after them."""
    dressed = [_dressed(encoder, text) for text in texts]
    table = _encode_all(encoder, dressed)
    out = []
    for text, new in zip(dressed, room, strict=True):
        tokens = table[text] or (encoder.prefix,)
        # The last new token is never fed back, so one more fits than positions are left.
        out.append(tokens[-max(1, encoder.length - new + 1) :])
    return out


def _moved(encoder: Encoder, context: str, continuation: str) -> tuple[str, str]:
    context = _dressed(encoder, context) if context else context
    kept = context.rstrip()
    return kept, context[len(kept) :] + continuation


def _dressed(encoder: Encoder, text: str) -> str:
    if not encoder.chat:
        return text
    return render(encoder.tokenizer, [{"role": "user", "content": text}], prefill=False)


def opening(tokenizer: Any) -> str:
    """The begin-of-text token as text where the tokenizer puts it before every text; else empty."""
    marked, plain = (tokenizer("a", add_special_tokens=special)["input_ids"] for special in (True, False))
    begins = marked[:1] == [tokenizer.bos_token_id] and marked[1:] == plain
    return str(tokenizer.bos_token) if begins else ""


def render(tokenizer: Any, messages: Sequence[Mapping[str, str]], *, prefill: bool) -> str:
    """A conversation as the tokenizer's chat template writes it; prefill: the last message is to be continued.

    Where the template knows no system role, the conversation goes without, as in lm-evaluation-harness.
    """
    from jinja2 import TemplateError

    if not getattr(tokenizer, "chat_template", None):
        raise UsageError(
            "the tokenizer has no chat template", cause="chat_template=true needs one", fix="leave chat_template out"
        )
    options = {"tokenize": False, "add_generation_prompt": not prefill, "continue_final_message": prefill}
    try:
        return str(tokenizer.apply_chat_template([dict(m) for m in messages], **options))
    except TemplateError:
        spoken = [dict(m) for m in messages if m["role"] != "system"]
        return str(tokenizer.apply_chat_template(spoken, **options))


def _encode_all(encoder: Encoder, texts: Sequence[str]) -> dict[str, tuple[int, ...]]:
    """Tokens of each distinct text, begun as the tokenizer begins texts, unless the text does so itself."""
    distinct = list(dict.fromkeys(texts))
    begin = encoder.tokenizer.bos_token or encoder.tokenizer.eos_token
    plain = encoder.chat or encoder.begin is not None
    bare = {text: plain or bool(begin and text.startswith(begin)) for text in distinct}
    special = [text for text in distinct if not bare[text]]
    return _encode_plain(encoder, [t for t in distinct if bare[t]]) | _batch(encoder, special, special_tokens=True)


def _encode_plain(encoder: Encoder, texts: Sequence[str]) -> dict[str, tuple[int, ...]]:
    return _batch(encoder, list(dict.fromkeys(texts)), special_tokens=False)


def _batch(encoder: Encoder, texts: list[str], *, special_tokens: bool) -> dict[str, tuple[int, ...]]:
    if not texts:
        return {}
    rows = encoder.tokenizer(texts, add_special_tokens=special_tokens, verbose=False)["input_ids"]
    return {text: tuple(row) for text, row in zip(texts, rows, strict=True)}
