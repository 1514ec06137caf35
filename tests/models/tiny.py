"""Tiny language models and tokenizers, made here and written in Hugging Face format."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
from transformers import GPT2Config, GPT2LMHeadModel, LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from bench.models.hf.checkpoint import Loaded

CORPUS = [
    "Q: 7 + 25 - 4 = ?\nA: 7 + 25 = 32. 32 - 4 = 28. So 28.\n",
    "The quick fox sees a seed near its hill. The owl wants that nest.\n",
    "Ann is taller than Bo. Is Bo taller than Ann? So no.\n",
    "naïve café — Größe, 東京 😀\n",
]


def byte_tokenizer(*, begin: bool = True) -> PreTrainedTokenizerFast:
    """Byte-level BPE of a few merges; `begin`: texts are encoded with a begin token."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=300,
        special_tokens=["<s>", "</s>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(CORPUS * 3, trainer)
    return _finished(tokenizer, begin=begin)


def word_tokenizer() -> PreTrainedTokenizerFast:
    """Pieces in the manner of SentencePiece: a mark for each space, one before the text, the first one not shown."""
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="always")
    tokenizer.decoder = decoders.Metaspace(prepend_scheme="always")
    trainer = trainers.BpeTrainer(vocab_size=260, special_tokens=["<s>", "</s>", "<unk>"], show_progress=False)
    tokenizer.train_from_iterator(CORPUS * 3, trainer)
    return _finished(tokenizer, begin=True)


def _finished(tokenizer: Tokenizer, *, begin: bool) -> PreTrainedTokenizerFast:
    if begin:
        tokenizer.post_processor = processors.TemplateProcessing(
            single="<s> $A", pair="<s> $A $B", special_tokens=[("<s>", tokenizer.token_to_id("<s>"))]
        )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        bos_token="<s>",
        eos_token="</s>",
        clean_up_tokenization_spaces=False,
    )


def llama(vocabulary: int, *, length: int = 128, seed: int = 0, sharpness: float = 1.0) -> Any:
    """A random Llama; larger `sharpness` gives less even distributions."""
    torch.manual_seed(seed)
    config = LlamaConfig(
        vocab_size=vocabulary,
        hidden_size=32,
        intermediate_size=48,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=length,
        bos_token_id=0,
        eos_token_id=1,
        initializer_range=0.15 * sharpness,
    )
    return LlamaForCausalLM(config).double().eval()


def gpt2(vocabulary: int, *, length: int = 128) -> Any:
    """A random GPT-2: learnt positions, tied head."""
    torch.manual_seed(0)
    config = GPT2Config(
        vocab_size=vocabulary,
        n_embd=32,
        n_layer=2,
        n_head=4,
        n_positions=length,
        bos_token_id=0,
        eos_token_id=1,
        initializer_range=0.2,
    )
    return GPT2LMHeadModel(config).double().eval()


def gemma(vocabulary: int) -> Any:
    """A random Gemma 3: a sliding window of six tokens in one layer of two."""
    from transformers import Gemma3ForCausalLM, Gemma3TextConfig

    torch.manual_seed(0)
    config = Gemma3TextConfig(
        vocab_size=vocabulary,
        hidden_size=32,
        intermediate_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=1,
        head_dim=16,
        sliding_window=6,
        layer_types=["sliding_attention", "full_attention"],
        bos_token_id=0,
        eos_token_id=1,
        pad_token_id=1,
        initializer_range=0.3,
    )
    return Gemma3ForCausalLM(config).double().eval()


def mistral(vocabulary: int) -> Any:
    """A random Mistral: a sliding window of five tokens in every layer, two query heads a key head."""
    from transformers import MistralConfig, MistralForCausalLM

    torch.manual_seed(0)
    config = MistralConfig(sliding_window=5, num_key_value_heads=2, head_dim=8, **_shape(vocabulary))
    return MistralForCausalLM(config).double().eval()


def qwen2(vocabulary: int) -> Any:
    """A random Qwen2: biases in its projections."""
    from transformers import Qwen2Config, Qwen2ForCausalLM

    torch.manual_seed(0)
    return Qwen2ForCausalLM(Qwen2Config(num_key_value_heads=2, **_shape(vocabulary))).double().eval()


def neox(vocabulary: int) -> Any:
    """A random GPT-NeoX: parallel residuals, rotary positions in a quarter of the width."""
    from transformers import GPTNeoXConfig, GPTNeoXForCausalLM

    torch.manual_seed(0)
    return GPTNeoXForCausalLM(GPTNeoXConfig(**_shape(vocabulary))).double().eval()


def gpt_oss(vocabulary: int) -> Any:
    """A random gpt-oss: attention sinks, a sliding window in one layer of two, experts (which know no float64)."""
    from transformers import GptOssConfig, GptOssForCausalLM

    torch.manual_seed(0)
    config = GptOssConfig(
        sliding_window=6,
        num_key_value_heads=2,
        head_dim=8,
        num_local_experts=4,
        num_experts_per_tok=2,
        rope_parameters={"rope_type": "default", "rope_theta": 10000.0},
        **_shape(vocabulary),
    )
    made = GptOssForCausalLM(config).float().eval()
    for layer in made.model.layers:  # sinks begin at whatever memory holds
        torch.nn.init.normal_(layer.self_attn.sinks)
    return made


def bloom(vocabulary: int) -> Any:
    """A random BLOOM: its attention goes past transformers' interface."""
    from transformers import BloomConfig, BloomForCausalLM

    torch.manual_seed(0)
    config = BloomConfig(
        vocab_size=vocabulary, hidden_size=32, n_layer=2, n_head=4, bos_token_id=0, eos_token_id=1, pad_token_id=1
    )
    return BloomForCausalLM(config).double().eval()


def _shape(vocabulary: int) -> dict[str, Any]:
    return {
        "vocab_size": vocabulary,
        "hidden_size": 32,
        "intermediate_size": 48,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "max_position_embeddings": 128,
        "bos_token_id": 0,
        "eos_token_id": 1,
        "pad_token_id": 1,
        "initializer_range": 0.15,
    }


def mamba(vocabulary: int) -> Any:
    """A random Mamba: no attention, and no key-value cache."""
    from transformers import MambaConfig, MambaForCausalLM

    torch.manual_seed(0)
    config = MambaConfig(
        vocab_size=vocabulary,
        hidden_size=32,
        num_hidden_layers=2,
        state_size=4,
        bos_token_id=0,
        eos_token_id=1,
        pad_token_id=1,
        initializer_range=0.3,
    )
    return MambaForCausalLM(config).double().eval()


def loaded(*, begin: bool = True, length: int = 128, sharpness: float = 1.0) -> Loaded:
    """A random Llama over the byte tokenizer, in float64."""
    tokenizer = byte_tokenizer(begin=begin)
    return Loaded(llama(len(tokenizer), length=length, sharpness=sharpness), tokenizer)


def save(folder: Path, made: Loaded | None = None) -> Path:
    """Write a checkpoint as `save_pretrained` does, in float16 as the embedded ones are."""
    made = made or loaded()
    made.model.half().save_pretrained(folder)
    made.tokenizer.save_pretrained(folder)
    return folder
