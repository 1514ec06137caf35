"""Memory of scoring with a large vocabulary, measured in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

WORK = """
import resource, sys
import numpy as np, torch
from transformers import LlamaConfig, LlamaForCausalLM
from bench.language import Details
from bench.models.hf.batching import batching
from bench.models.hf.checkpoint import Loaded
from bench.models.hf.encoding import Span
from bench.models.hf.selftest import choose_engine

torch.set_num_threads(1)
vocabulary, length = 256_000, 2048
model = LlamaForCausalLM(LlamaConfig(
    vocab_size=vocabulary, hidden_size=384, intermediate_size=1024, num_hidden_layers=8, num_attention_heads=6,
    num_key_value_heads=6, max_position_embeddings=length, tie_word_embeddings=True,
)).eval()
weights = sum(p.numel() * p.element_size() for p in model.parameters())
rng = np.random.default_rng(0)
text = tuple(rng.integers(vocabulary, size=length + 1).tolist())
spans = [Span(text, 1)] + [Span((*text[:1500], *rng.integers(vocabulary, size=40).tolist()), 1500) for _ in range(8)]
engine = choose_engine(Loaded(model, None), batching("cpu"), sys.argv[1], length=length)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
scores = engine.score(spans, Details(rank=True, entropy=True, top=5))
assert engine.name == sys.argv[1] and len(scores[0].logprobs) == length
print(weights, before * 1024, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024)
"""


@pytest.mark.slow
@pytest.mark.parametrize("engine", ["tree", "plain"])
def test_a_large_vocabulary_takes_no_more_than_a_gibibyte_beside_the_weights(engine: str) -> None:
    root = Path(__file__).parents[3]
    environ = {**os.environ, "PYTHONPATH": str(root), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-c", WORK, engine], env=environ, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    weights, before, after = map(int, done.stdout.split())
    assert weights > 100e6 * 4
    assert after <= weights + 2**30, (weights, before, after)
