"""Random models of many architectures, a few thousand parameters each."""

from __future__ import annotations

from typing import Any

import torch
import transformers

SIZES = {
    "vocab_size": 97,
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "max_position_embeddings": 256,
    "initializer_range": 0.25,
}
GROUPED = SIZES | {"num_key_value_heads": 2}
# (configuration, model, values): what is scored over the tree ...
TREE: dict[str, tuple[str, str, dict[str, Any]]] = {
    "gpt2": ("GPT2Config", "GPT2LMHeadModel", {"vocab_size": 97, "n_embd": 32, "n_layer": 2, "n_head": 4,
                                                "n_positions": 256, "initializer_range": 0.25}),
    "gpt-neox": ("GPTNeoXConfig", "GPTNeoXForCausalLM", SIZES),
    "llama": ("LlamaConfig", "LlamaForCausalLM", GROUPED),
    "mistral": ("MistralConfig", "MistralForCausalLM", GROUPED | {"sliding_window": None}),
    "mistral, wide window": ("MistralConfig", "MistralForCausalLM", GROUPED | {"sliding_window": 200}),
    "qwen2": ("Qwen2Config", "Qwen2ForCausalLM", SIZES | {"num_key_value_heads": 1}),
    "qwen3": ("Qwen3Config", "Qwen3ForCausalLM", GROUPED | {"head_dim": 16}),
    "gemma": ("GemmaConfig", "GemmaForCausalLM", SIZES | {"num_key_value_heads": 1, "head_dim": 16}),
    "phi": ("PhiConfig", "PhiForCausalLM", SIZES),
    "opt": ("OPTConfig", "OPTForCausalLM", {"vocab_size": 97, "hidden_size": 32, "ffn_dim": 48, "init_std": 0.25,
                                             "num_hidden_layers": 2, "num_attention_heads": 4,
                                             "word_embed_proj_dim": 32, "max_position_embeddings": 256}),
    "olmo": ("OlmoConfig", "OlmoForCausalLM", SIZES),
    "olmo2": ("Olmo2Config", "Olmo2ForCausalLM", SIZES),
    "cohere": ("CohereConfig", "CohereForCausalLM", GROUPED | {"logit_scale": 0.3}),
    "mixtral": ("MixtralConfig", "MixtralForCausalLM", GROUPED | {"num_local_experts": 4, "sliding_window": None}),
}  # fmt: skip
# ... and what is not, by whatever is foreign about it.
PLAIN: dict[str, tuple[str, str, dict[str, Any]]] = {
    "bloom": ("BloomConfig", "BloomForCausalLM", {"vocab_size": 97, "hidden_size": 32, "n_layer": 2, "n_head": 4,
                                                   "initializer_range": 0.25}),
    "gemma2": ("Gemma2Config", "Gemma2ForCausalLM", GROUPED | {"head_dim": 16, "sliding_window": 8}),
    "gemma2, wide window": ("Gemma2Config", "Gemma2ForCausalLM", GROUPED | {"head_dim": 16, "sliding_window": 4096}),
    "gemma3": ("Gemma3TextConfig", "Gemma3ForCausalLM", GROUPED | {"head_dim": 16, "sliding_window": 8}),
    "mamba": ("MambaConfig", "MambaForCausalLM", {"vocab_size": 97, "hidden_size": 32, "num_hidden_layers": 2,
                                                   "state_size": 4, "initializer_range": 0.25}),
    "gpt-oss": ("GptOssConfig", "GptOssForCausalLM", GROUPED | {"head_dim": 16, "num_local_experts": 4,
                                                                 "num_experts_per_tok": 2, "sliding_window": 128}),
    "gpt-neo": ("GPTNeoConfig", "GPTNeoForCausalLM", {"vocab_size": 97, "hidden_size": 32, "num_layers": 2,
                                                       "num_heads": 4, "attention_types": [[["global", "local"], 1]],
                                                       "window_size": 8, "initializer_range": 0.25}),
}  # fmt: skip


def make(name: str, dtype: torch.dtype = torch.float32) -> Any:
    """A random model of that architecture, ready to be asked."""
    config, model, values = (TREE | PLAIN)[name]
    torch.manual_seed(0)
    made = getattr(transformers, model)(getattr(transformers, config)(**values, bos_token_id=0, eos_token_id=1))
    return made.to(dtype).eval()
