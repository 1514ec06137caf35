"""Text classifiers in Hugging Face format: logits, the features before the last layer, and that layer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from bench.arrays import AnyArray, Float64s, Floats
from bench.capabilities import Classified, Machine
from bench.components import model
from bench.errors import UsageError
from bench.models.hf.checkpoint import Checkpoint, Loaded, dtype_name, identify, load, settle

# Texts in one pass unless --batch says otherwise; they are sorted by length first, so that little is padding.
BATCH = 32


@dataclass
class TextClassifier:
    """A classifier of texts (`Classifier`).  Making one is cheap; weights load when it is first asked."""

    source: Checkpoint
    batch: int = BATCH
    max_length: int = 0
    _loaded: Loaded | None = field(default=None, repr=False)

    def classify(self, inputs: AnyArray) -> Classified:
        """Logits of each text (b,), what its last linear layer was given, and that layer, where it ends in one."""
        import torch

        texts = [str(text) for text in inputs]
        loaded = self._open()
        last = _last_layer(loaded.model)
        order = np.argsort([len(text) for text in texts], kind="stable")
        logits: list[Float64s] = [np.empty(0)] * len(texts)
        features: list[Floats] = [np.empty(0, dtype=np.float32)] * len(texts)
        with torch.inference_mode(), _Given(last) as given:
            for start in range(0, len(order), self.batch):
                rows = order[start : start + self.batch]
                fed = self._encoded([texts[i] for i in rows])
                found = loaded.model(**fed).logits.to(torch.float64).cpu().numpy()
                seen = None if last is None else _pooled(given.rows, fed)
                for k, i in enumerate(rows):
                    logits[i] = found[k]
                    if seen is not None:
                        features[i] = seen[k]
        table = np.array(logits).reshape(len(texts), -1)
        if last is None:
            return Classified(table)
        return Classified(table, features=np.array(features), head=_head(last))

    def _encoded(self, texts: list[str]) -> Any:
        loaded = self._open()
        longest = self.max_length or getattr(loaded.model.config, "max_position_embeddings", 512)
        fed = loaded.tokenizer(texts, return_tensors="pt", padding=True, truncation=True, max_length=longest)
        return {name: values.to(loaded.model.device) for name, values in fed.items()}

    def _open(self) -> Loaded:
        if self._loaded is None:
            loaded = load(self.source)
            settle(loaded)
            if loaded.tokenizer.pad_token is None:  # what is masked may be anything
                loaded.tokenizer.pad_token = loaded.tokenizer.eos_token
            if loaded.model.config.pad_token_id is None:
                loaded.model.config.pad_token_id = loaded.tokenizer.pad_token_id
            loaded.tokenizer.padding_side = "right"
            self._loaded = loaded
        return self._loaded

    def fingerprint(self) -> Mapping[str, Any]:
        """The weights, and what changes an answer beside them."""
        return {
            "weights": identify(self.source),
            "dtype": self.source.dtype,
            "max_length": self.max_length,
            "adapter": 1,
        }


class _Given:
    """What a layer was last given, while it is watched."""

    def __init__(self, layer: Any) -> None:
        self.layer, self.rows = layer, None

    def __enter__(self) -> _Given:
        if self.layer is not None:
            self.handle = self.layer.register_forward_pre_hook(self._keep)
        return self

    def __exit__(self, *_: object) -> None:
        if self.layer is not None:
            self.handle.remove()

    def _keep(self, _: Any, given: tuple[Any, ...]) -> None:
        self.rows = given[0]


def _last_layer(network: Any) -> Any:
    """The linear layer that gives the logits, or `None` where the network ends in something else."""
    import torch

    linear = [m for m in network.modules() if isinstance(m, torch.nn.Linear)]
    fits = [m for m in linear if m.out_features == network.config.num_labels]
    return fits[-1] if fits and fits[-1] is linear[-1] else None


def _pooled(given: Any, fed: Mapping[str, Any]) -> Floats:
    """The layer's input for each text, (b, d): as it was, or, of a causal network, at the last token."""
    import torch

    if given.ndim == 3:
        last = fed["attention_mask"].sum(dim=1) - 1
        given = given[torch.arange(len(given), device=given.device), last]
    return np.asarray(given.to(torch.float32).cpu().numpy())


def _head(layer: Any) -> tuple[Float64s, Float64s]:
    import torch

    weight = layer.weight.detach().to(torch.float64).cpu().numpy()
    bias = np.zeros(len(weight)) if layer.bias is None else layer.bias.detach().to(torch.float64).cpu().numpy()
    return weight, bias


@model(
    "text-classifier",
    gives="classifier",
    source="Wolf et al. 2020, Transformers (AutoModelForSequenceClassification)",
)
def text_classifier(
    target: str,
    *,
    machine: Machine,
    revision: str | None = None,
    dtype: str = "auto",
    max_length: int = 0,
    safetensors: bool = True,
) -> TextClassifier:
    """A classifier of texts from a folder or the hub: `text-classifier:PATH-OR-NAME,dtype=bfloat16`.

    Texts are cut at max_length tokens (0: as the model says).  dtype auto: as `hf`.  Classes are the checkpoint's, in
    its order; a task's labels must be numbered the same way.
    """
    if max_length < 0:
        raise UsageError("max_length can't be negative", cause="it counts tokens", fix="leave it out, or 0")
    chosen = dtype_name(str(dtype) if dtype != "auto" else machine.dtype)
    named = str(revision) if revision is not None else None
    source = Checkpoint(target, machine, named, chosen, safetensors, kind="classifier")
    return TextClassifier(source, machine.batch or BATCH, max_length)
