"""A copy of a checkpoint with a planted regression: `python examples/damage.py CHECKPOINT COPY`, for trying a gate.

Each matrix gets normal noise of a quarter of its own spread (or of another share, given third), always the same.
"""

import shutil
import sys
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file, save_file

source, copy, share = Path(sys.argv[1]), Path(sys.argv[2]), float([*sys.argv, "0.25"][3])
shutil.copytree(source, copy, dirs_exist_ok=True)
rng = np.random.default_rng(0)
weights = load_file(source / "model.safetensors")
for name, w in sorted(weights.items()):
    if w.ndim == 2:
        weights[name] = (w + share * w.std(dtype=np.float32) * rng.normal(size=w.shape)).astype(w.dtype)
save_file(weights, copy / "model.safetensors", metadata={"format": "pt"})
