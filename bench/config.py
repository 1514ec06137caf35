"""What a run is told to do: one frozen `RunConfig`, and where each of its values came from.

Flag, then the run that is resumed, then `BENCH_*`, then `bench.toml` or `[tool.bench]` in pyproject.toml, then the
user's own file, then the default: the first that speaks decides.  Secrets have no place here; a model reads its key
from the environment when it needs it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, NonNegativeFloat, NonNegativeInt, PositiveInt  # noqa: TID253 - what the file is about

from bench.errors import UsageError, unknown_name

# Keys that carry a credential in somebody's API: their values would end up in a shell's history and in run.json.
SECRETS = re.compile(r"^(.*_)?(api_?key|token|password|passwd|secret|auth|credentials?)$")
KIND_NAMES = ("classification", "regression", "choices", "tokens", "density", "ood", "generations")


class RunConfig(BaseModel):
    """Everything that decides what a run does.  Fields are documented where `bench config show` prints them."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    models: tuple[str, ...] = Field(default=(), description="models to ask: name:target,key=value; none: the suite's")
    tasks: tuple[str, ...] = Field(default=(), description="tasks to ask them; none: the suite's")
    suite: str = Field(
        default="", description="name of a built-in suite or a YAML file; 'quick' where nothing else is asked"
    )
    decoders: tuple[str, ...] = Field(
        default=(), description="decoders for generated answers, or all; none: the task's"
    )
    budget: PositiveInt | None = Field(
        default=None, description="tokens that a decoder may spend on a prompt; none: what its own settings come to"
    )
    metrics: tuple[str, ...] = Field(default=(), description="metrics beside the tasks' own, or all")
    scores: tuple[str, ...] = Field(default=(), description="scores beside the tasks' own, or all")
    calibrators: tuple[str, ...] = Field(default=(), description="calibrators beside the tasks' own, or all")
    limit: PositiveInt | None = Field(default=None, description="at most so many test samples of each task")
    seed: NonNegativeInt = Field(default=0, description="from which every random draw comes")
    seeds: PositiveInt | None = Field(
        default=None, description="how many times each model is trained, their numbers joined to one; none: the suite's"
    )
    out: Path = Field(default=Path("runs"), description="folder in which run folders are made")
    resume: Path | None = Field(default=None, description="run folder to continue")
    offline: bool = Field(default=False, description="use nothing from the network")
    device: str = Field(default="auto", description="auto, cpu, cuda or cuda:N")
    dtype: Literal["auto", "float32", "float16", "bfloat16", "float64"] = Field(
        default="auto", description="of the weights"
    )
    engine: Literal["auto", "tree", "plain", "lm-eval"] = Field(
        default="auto", description="what scores language models: the prefix tree where it fits, plain batches, lm-eval"
    )
    batch_size: PositiveInt | Literal["auto"] = Field(default="auto", description="samples at a time, or auto")
    trust_remote_code: bool = Field(default=False, description="let a model bring its own code")
    runner: Literal["local", "ray"] = Field(default="local", description="where models are asked: local, or ray")
    ray_address: str = Field(
        default="", description="Ray cluster to join: HOST:PORT or auto; none: RAY_ADDRESS, else one of this machine"
    )
    workers: PositiveInt | None = Field(
        default=None, description="Ray workers, a model each; none: one a GPU, else one for four cores"
    )
    gpus_per_worker: NonNegativeFloat | None = Field(
        default=None, description="GPUs of a Ray worker, such as 2 or 0.5; none: 1 where the cluster has GPUs"
    )
    plugins: tuple[Path, ...] = Field(default=(), description="Python files with components of your own")
    include_paths: tuple[Path, ...] = Field(
        default=(), description="folders with lm-evaluation-harness tasks of your own"
    )
    predictions: Path | None = Field(
        default=None, description="file of saved predictions to evaluate instead of models"
    )
    kind: str = Field(default="", description="what the predictions are (--as): classification, regression, ...")
    quiet: bool = Field(default=False, description="print results and errors only")
    progress: bool = Field(default=True, description="show progress on stderr")
    origins: Mapping[str, str] = Field(default_factory=dict, exclude=True, description="where each value came from")

    def as_json(self) -> dict[str, dict[str, Any]]:
        """Each value with its origin, ready for the manifest; how it is shown on screen is left out."""
        values = self.model_dump(mode="json", exclude={"quiet", "progress"})
        return {key: {"value": value, "origin": self.origins.get(key, "default")} for key, value in values.items()}


KEYS: tuple[str, ...] = tuple(name for name in RunConfig.model_fields if name != "origins")
FLAGS: dict[str, str] = {
    **{key: "--" + key.replace("_", "-") for key in KEYS},
    "models": "--model",
    "tasks": "--task",
    "decoders": "--decoder",
    "metrics": "--metric",
    "scores": "--score",
    "calibrators": "--calibrator",
    "plugins": "--plugin",
    "include_paths": "--include-path",
    "kind": "--as",
    "progress": "--no-progress",
}
# What belongs to one command line alone; a resumed run brings its own.  That a model may run its own code is never
# taken from a folder, which may be anyone's.
_ONCE = {"resume", "quiet", "progress", "trust_remote_code"}


def resolve(
    flags: Mapping[str, Any], *, cwd: Path | None = None, environ: Mapping[str, str] | None = None
) -> RunConfig:
    """The configuration of a run; `flags` holds what the command line gave (`None` or empty: not given).

    Raises `UsageError` for an unknown key, a malformed file or a value outside its range, naming where it stands.
    """
    from bench import config_sources as sources

    given = {key: value for key, value in flags.items() if value is not None and value not in ((), [])}
    layers = [sources.Layer({key: (value, f"flag {FLAGS[key]}") for key, value in given.items()})]
    if "resume" in given:
        layers.append(sources.from_run(Path(given["resume"]), skip=_ONCE))
    layers += [
        sources.from_environment(environ, KEYS),
        sources.from_project(cwd or Path.cwd(), KEYS),
        sources.from_user(KEYS),
    ]
    values: dict[str, Any] = {}
    origins: dict[str, str] = {}
    for layer in layers:
        for key, (value, origin) in layer.values.items():
            if key not in values:
                values[key], origins[key] = value, origin
    config = _validated(values, origins)
    # `quick` answers for whatever is left open: the models, the tasks, or both.
    complete = (config.models and config.tasks) or config.predictions or config.suite
    return config if complete else config.model_copy(update={"suite": "quick"})


def _validated(values: dict[str, Any], origins: dict[str, str]) -> RunConfig:
    from pydantic import ValidationError

    try:
        config = RunConfig(**values, origins=origins)
    except ValidationError as error:
        first = error.errors()[0]
        key = str(first["loc"][0]) if first["loc"] else "?"
        origin = origins.get(key, "default")
        raise UsageError(
            f"'{key}' cannot be {values.get(key)!r}",
            cause=f"{_rule(first)} (from {origin})",
            fix=f"correct {origin}; bench config show --origin prints all values",
        ) from error
    for key in ("models", "decoders", "tasks"):
        for text in getattr(config, key):
            _refuse_secret(text, origins.get(key, "default"))
    _check_predictions(config, origins)
    _check_runner(config, origins)
    return config


def _check_runner(config: RunConfig, origins: dict[str, str]) -> None:
    """What only a cluster needs is a mistake without one, when it is given with the command."""
    for key in ("ray_address", "workers", "gpus_per_worker"):
        if config.runner == "local" and origins.get(key, "").startswith("flag"):
            raise UsageError(
                f"{FLAGS[key]} is for runs on Ray",
                cause="the runner is local",
                fix=f"add --runner ray, or leave {FLAGS[key]} out",
            )


def _check_predictions(config: RunConfig, origins: dict[str, str]) -> None:
    """Predictions and their kind come together or not at all."""
    if config.kind and config.kind not in KIND_NAMES:
        raise unknown_name("record", config.kind, KIND_NAMES, listing="bench show record")
    if config.kind and not config.predictions:
        raise UsageError(
            "--as says what predictions are, and there are none",
            cause=f"'kind' is {config.kind!r} (from {origins['kind']})",
            fix="add --predictions FILE, or leave --as out",
        )
    if config.predictions and not config.kind:
        raise UsageError(
            f"it is not said what '{config.predictions}' holds",
            cause="predictions need a kind",
            fix="add --as " + "|".join(KIND_NAMES),
        )
    for key in ("models", "tasks", "decoders", "budget", "suite", "limit", "seeds", "runner"):
        # What a file of settings has for tasks says nothing of predictions; a limit or runner given with them does.
        said = key not in {"limit", "runner", "budget", "seeds"} or origins.get(key, "").startswith("flag")
        if config.predictions and getattr(config, key) and said:
            raise UsageError(
                f"predictions are evaluated without {FLAGS[key]}",
                cause=f"'{key}' is set (from {origins.get(key, 'default')}), and the answers are all there already",
                fix=f"leave {FLAGS[key]} or --predictions out",
            )


def _refuse_secret(text: str, origin: str) -> None:
    """A credential in a spec would be kept in the manifest, so it is refused before anything is written."""
    for pair in text.split(",")[1:]:
        key = pair.partition("=")[0].strip()
        if SECRETS.match(key.lower()):
            raise UsageError(
                f"'{key}' must not be written into a spec",
                cause=f"specs are stored with the run, and this one (from {origin}) holds a secret",
                fix="set it in the environment, under the name that the model's documentation gives",
            )
    if re.search(r"://[^/\s:@]+:[^/\s@]+@", text):
        raise UsageError(
            "a user name and password must not be written into an address",
            cause=f"specs are stored with the run, and this one (from {origin}) holds a secret",
            fix="set the credentials in the environment",
        )


def _rule(error: Any) -> str:
    """What a validation error says, in our words."""
    kind, context = error["type"], error.get("ctx", {})
    if kind == "literal_error":
        return f"it must be {context['expected']}"
    if "greater_than" in kind:
        return f"it must be {'at least' if kind.endswith('equal') else 'above'} {next(iter(context.values()))}"
    if kind.startswith("int"):
        return "it must be a whole number"
    if kind.startswith("bool"):
        return "it must be true or false"
    if kind.startswith(("tuple", "list")):
        return "it must be a list"
    return str(error["msg"])
