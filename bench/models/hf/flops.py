"""What a model's weights cost: floating-point operations of their products, for a token and for a look."""

from __future__ import annotations

from typing import Any


def weight_flops(model: Any) -> tuple[int, int]:
    """Operations of the body for one token, and of the head for one place where probabilities are computed.

    Two for each weight of a matrix that every token meets: tables that are looked up are none, and attention between
    tokens has no weights.  (0, 0) for models whose tokens meet only some of their matrices (experts).
    """
    import torch

    config = model.config.get_text_config(decoder=True)
    if any(getattr(config, name, None) for name in ("num_local_experts", "num_experts", "n_routed_experts")):
        return 0, 0
    head = model.get_output_embeddings()
    looked_up = {id(m.weight) for m in model.modules() if isinstance(m, torch.nn.Embedding)}
    looked_up |= {id(head.weight)} if head is not None else set()
    body = sum(p.numel() for p in model.base_model.parameters() if p.dim() >= 2 and id(p) not in looked_up)
    return 2 * body, 2 * int(head.weight.numel()) if head is not None else 0
