"""The zoo's tokenizer: byte-level BPE with a small vocabulary and one digit a token."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

from bench.zoo.corpus import EVERYTHING, documents

if TYPE_CHECKING:
    from pathlib import Path

    from tokenizers import Tokenizer

SPECIAL = ("<pad>", "<s>", "</s>")
VOCABULARY = 512
CONTEXT = 512
_SAMPLE = 20_000
_SEED = 0

# A word, one digit, or a run of marks, each with the space before it; then other white space.  A prompt may
# therefore be cut before any space, and its parts encoded apart give the tokens of the whole.
_PIECES = r" ?\p{L}+| ?\p{N}| ?[^\s\p{L}\p{N}]+|\s+"


def build(vocabulary: int = VOCABULARY, sample: int = _SAMPLE) -> Tokenizer:
    """A tokenizer trained on the first ``sample`` documents of the corpus: the same on every call.

    All 256 bytes are in the vocabulary, so that any text can be encoded, and decoding gives it back exactly.
    Encoding puts ``<s>`` before the text unless special tokens are switched off.
    """
    from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, processors, trainers

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(_PIECES), behavior="isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary,
        special_tokens=list(SPECIAL),
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    tokenizer.train_from_iterator((doc.text for doc in islice(documents(EVERYTHING, _SEED), sample)), trainer)
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A", pair="<s> $A $B", special_tokens=[("<s>", SPECIAL.index("<s>"))]
    )
    return tokenizer


def save(tokenizer: Tokenizer, folder: Path) -> None:
    """Write ``tokenizer.json`` and ``tokenizer_config.json`` as ``AutoTokenizer`` reads them."""
    from transformers import PreTrainedTokenizerFast

    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        **dict(zip(("pad_token", "bos_token", "eos_token"), SPECIAL, strict=True)),
        model_max_length=CONTEXT,
        clean_up_tokenization_spaces=False,
    ).save_pretrained(folder)
