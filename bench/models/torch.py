"""PyTorch modules as models: `torch:module:factory` or `torch:file.py:factory`."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from bench.arrays import AnyArray, Float64s
from bench.capabilities import Classified, Forecast, LogDensity, Machine
from bench.components import model
from bench.errors import EvaluationError, UsageError
from bench.models import importing
from bench.models.batching import Batches
from bench.models.building import facts

if TYPE_CHECKING:
    from torch import Tensor, dtype
    from torch.nn import Module

GIVES = ("auto", "classifier", "regressor", "density")


@dataclass
class ModuleAdapter:
    """A module in evaluation mode, on its device, asked without gradients and in batches that fit."""

    module: Module
    device: str
    dtype: dtype
    batches: Batches
    identity: Mapping[str, Any] = field(default_factory=dict)

    def fingerprint(self) -> Mapping[str, Any]:
        """The weights' digest, the parameters, device type and dtype, versions."""
        return self.identity

    def ask(self, function: Callable[[Tensor], Any], inputs: AnyArray) -> list[Float64s]:
        """The arrays that `function` gives for the inputs, rows joined; one for each tensor that it returns."""
        import torch

        rows = np.asarray(inputs)

        def one(part: slice) -> list[Float64s]:
            batch = torch.as_tensor(rows[part])
            batch = batch.to(self.device, self.dtype if batch.is_floating_point() else None)
            with torch.inference_mode():
                answer = function(batch)
            tensors = answer if isinstance(answer, tuple | list) else (answer,)
            return [t.detach().to("cpu", torch.float64).numpy() for t in tensors]

        parts = self.batches.run(one, len(rows))
        if not parts:
            raise EvaluationError("the model was asked about nothing", cause="there are no rows", fix="give some")
        return [np.concatenate(columns) for columns in zip(*parts, strict=True)]


@dataclass
class ModuleClassifier(ModuleAdapter):
    """`forward` gives logits (b, C); a method `features`, where there is one, gives (b, d)."""

    def classify(self, inputs: AnyArray) -> Classified:
        """Logits, and features where the module has them."""
        features = getattr(self.module, "features", None)
        # A submodule of that name (torchvision has them) may want another call than this one.
        asked = features if callable(features) and not _is_module(features) else None

        def both(batch: Tensor) -> Any:
            logits = self.module(batch)
            return (logits, asked(batch).flatten(1)) if asked and not isinstance(logits, tuple) else logits

        answers = self.ask(both, inputs)
        logits = answers[0]
        if logits.ndim != 2 or len(answers) > (2 if asked else 1):
            raise EvaluationError(
                "the module gave no logits",
                cause=f"{len(answers)} arrays came, the first of shape {logits.shape}; one of (batch, classes) is due",
                fix="add gives=regressor if it returns (mean, std), or wrap it",
            )
        return Classified(logits, features=answers[1] if asked else None, head=self._head(answers) if asked else None)

    def _head(self, answers: list[Float64s]) -> tuple[Float64s, Float64s] | None:
        """The linear layer that leads from the features to the logits, if one of the module's does."""
        from torch.nn import Linear

        logits, features = answers
        near = 1e-4 * max(float(np.abs(logits).max(initial=0.0)), 1.0)
        for layer in self.module.modules():
            if isinstance(layer, Linear) and (layer.out_features, layer.in_features) == (
                logits.shape[1],
                features.shape[1],
            ):
                weight = layer.weight.detach().cpu().double().numpy()
                bias = np.zeros(len(weight)) if layer.bias is None else layer.bias.detach().cpu().double().numpy()
                if np.abs(features @ weight.T + bias - logits).max(initial=0.0) <= near:
                    return weight, bias
        return None

    def pullback(self, inputs: AnyArray, weights: Float64s) -> Float64s:
        """Gradient of the weighted logits with respect to the inputs, by automatic differentiation."""
        import torch

        rows = np.asarray(inputs)

        def one(part: slice) -> Float64s:
            batch = torch.as_tensor(rows[part]).to(self.device, self.dtype).requires_grad_()
            logits = self.module(batch)
            given = torch.as_tensor(weights[part]).to(logits)
            (gradient,) = torch.autograd.grad((logits * given).sum(), batch)
            return gradient.to("cpu", torch.float64).numpy()

        return np.concatenate(self.batches.run(one, len(rows)))


@dataclass
class ModuleRegressor(ModuleAdapter):
    """`forward` gives (mean, std), each (b,) or (b, 1)."""

    def forecast(self, inputs: AnyArray) -> Forecast:
        """A Gaussian forecast."""
        answers = self.ask(self.module, inputs)
        if len(answers) != 2 or any(a.size != len(a) for a in answers):
            raise EvaluationError(
                "the module gave no forecast",
                cause=f"shapes {[a.shape for a in answers]} came; (mean, std), each one number a row, is due",
                fix="return (mean, std) from forward",
            )
        return Forecast(mean=answers[0].reshape(-1), std=answers[1].reshape(-1))


@dataclass
class ModuleDensity(ModuleAdapter):
    """`log_prob` gives the exact log-density (b,) of what it is given; it is not told of grey levels."""

    def density(self, inputs: AnyArray) -> LogDensity:
        """Log-density, nats."""
        answers = self.ask(self.module.log_prob, inputs)  # type: ignore[arg-type]  # checked by `torch`
        if len(answers) != 1 or answers[0].ndim != 1:
            raise EvaluationError(
                "the module gave no log-density",
                cause=f"shapes {[a.shape for a in answers]} came; one number a row is due",
                fix="return (batch,) from log_prob",
            )
        return LogDensity(answers[0])


@model("torch", gives=("classifier", "regressor", "density"), source="Paszke et al. 2019, PyTorch")
def torch(
    target: str, machine: Machine, gives: str = "auto", seed: int | None = None, **parameters: Any
) -> ModuleAdapter:
    """A PyTorch module, trained already.

    target: `module:factory` or `file.py:factory`, called with the other parameters (`seed` only if it is set), returns
    an `nn.Module` with its weights loaded.  gives: classifier (`forward` gives logits; a method `features` is used
    where there is one), regressor (`forward` gives mean and std), density (`log_prob`), or auto: density where there is
    a `log_prob`, else classifier.  It runs on the machine's device, in the dtype asked for (auto: the module's own), as
    many rows at once as fit.  In float32 an answer may differ by about 1e-6 with the batch that it was asked in.
    """
    if seed is not None:
        parameters["seed"] = seed
    module = importing.call(importing.load_callable(target), target, parameters)
    if not _is_module(module):
        raise UsageError(
            f"'{target}' gave no module", cause=f"it returned {type(module).__name__}", fix="return a torch.nn.Module"
        )
    chosen = ("density" if hasattr(module, "log_prob") else "classifier") if gives == "auto" else gives
    adapters = {"classifier": ModuleClassifier, "regressor": ModuleRegressor, "density": ModuleDensity}
    if chosen not in adapters or (chosen == "density" and not hasattr(module, "log_prob")):
        raise UsageError(
            f"'{target}' cannot be a {chosen}",
            cause="it has no log_prob" if chosen == "density" else "gives is one of " + ", ".join(GIVES),
            fix="bench show model torch",
        )
    kind = _dtype(machine.dtype, module)
    weights = digest(module)
    module = module.to(machine.device, kind).eval()
    identity = facts(
        "torch",
        {
            "target": target, "gives": chosen, "class": f"{type(module).__module__}.{type(module).__qualname__}",
            "source": importing.source_digest(target), "weights": weights, "dtype": str(kind).removeprefix("torch."),
            "device": machine.device.partition(":")[0], **parameters,
        },
        "torch",
    )  # fmt: skip
    return adapters[chosen](module, machine.device, kind, Batches(machine.batch), identity)


def _is_module(value: Any) -> bool:
    from torch.nn import Module

    return isinstance(value, Module)


def _dtype(name: str, module: Module) -> dtype:
    import torch as pytorch

    if name == "auto":
        return next((p.dtype for p in module.parameters() if p.is_floating_point()), pytorch.float32)
    found = getattr(pytorch, name, None)
    if not isinstance(found, pytorch.dtype) or not found.is_floating_point:
        raise UsageError(
            f"'{name}' is no dtype that a model runs in",
            cause="float32, float64, float16 and bfloat16 are",
            fix="--dtype float32",
        )
    return found


def digest(module: Module) -> str:
    """A digest of weights and buffers, by name, dtype, shape and bytes."""
    import torch as pytorch

    digest = hashlib.blake2b(digest_size=16)
    for name, tensor in sorted(module.state_dict().items()):
        plain = tensor.detach().cpu().contiguous()
        digest.update(f"{name} {plain.dtype} {tuple(plain.shape)}\n".encode())
        digest.update(plain.reshape(-1).view(pytorch.uint8).numpy().tobytes())
    return digest.hexdigest()
