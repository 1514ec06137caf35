"""What a gate checks: a policy in YAML or TOML, read and held against its schema, each mistake with its place."""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Mapping
from datetime import date
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator  # noqa: TID253 - the file's subject

from bench.errors import UsageError

Correction = Literal["holm", "max-t", "bonferroni", "hochberg", "none"]
Handling = Literal["report", "allow", "fail"]


class Pattern(BaseModel):
    """Which numbers: globs over what names them.  An empty calibrator, score or slice means: without one."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    task: str = Field(default="*", description="glob of task names, such as reasoning/*")
    metric: str = Field(description="glob of metric names")
    model: str = Field(default="*", description="glob of the candidate's model names")
    decoder: str = Field(default="*", description="glob of decoders")
    calibrator: str = Field(default="", description="glob of calibrators; empty: none")
    score: str = Field(default="", description="glob of scores; empty: none")
    slice: str = Field(default="", description="glob of slices; empty: the whole")

    def takes(self, names: Mapping[str, str]) -> bool:
        """Whether a number of these names (task, metric, model ...) is meant."""
        return all(fnmatchcase(names.get(key, ""), getattr(self, key)) for key in Pattern.model_fields)

    @property
    def label(self) -> str:
        """The pattern in words."""
        extra = [self.decoder if self.decoder != "*" else "", self.calibrator, self.score, self.slice]
        return " · ".join(part for part in (self.task, self.metric, *extra) if part)


class CheckRule(Pattern):
    """One rule: which numbers, how much worse they may be, and what they may be at all."""

    margin: float | str | None = Field(
        default=None, description="loss still borne: 0.01 in the metric's unit, or '2%' of the baseline's value"
    )
    direction: Literal["metric", "higher", "lower", "equal"] = Field(
        default="metric", description="which way is better; equal: neither may differ by more than the margin"
    )
    cluster: Literal["group", "none"] = Field(default="group", description="dependent samples: by group, or none are")
    required: bool = Field(default=True, description="false: advisory, shown and never failing the gate")
    floor: float | None = Field(default=None, description="the candidate's value must surely not be below")
    ceiling: float | None = Field(default=None, description="the candidate's value must surely not be above")

    @field_validator("margin")
    @classmethod
    def _readable(cls, value: float | str | None) -> float | str | None:
        if value is not None:
            _read_margin(value)
        return value

    @model_validator(mode="after")
    def _says_something(self) -> CheckRule:
        if self.margin is None and self.floor is None and self.ceiling is None:
            raise ValueError("a check needs a margin, a floor or a ceiling")
        return self

    def borne(self, baseline: float) -> float:
        """The margin in the metric's unit, for that baseline."""
        amount, relative = _read_margin(self.margin or 0.0)
        return amount * abs(baseline) if relative else amount


class Acknowledged(Pattern):
    """A regression that is known and borne until a day."""

    reason: str = Field(min_length=3, description="why it is borne")
    expires: date = Field(description="the last day on which it is")
    margin: float | str | None = Field(default=None, description="how far it may go; none: however far")

    @field_validator("margin")
    @classmethod
    def _readable(cls, value: float | str | None) -> float | str | None:
        if value is not None:
            _read_margin(value)
        return value

    def borne(self, baseline: float) -> float:
        """How much worse is acknowledged, in the metric's unit."""
        if self.margin is None:
            return math.inf
        amount, relative = _read_margin(self.margin)
        return amount * abs(baseline) if relative else amount


class Policy(BaseModel):
    """All rules of a gate."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    version: Literal[1] = 1
    name: str = "gate"
    correction: Correction = Field(default="holm", description="of the chance of any false FAIL over required checks")
    on_inconclusive: Handling = Field(default="report", description="report: exit 3; allow: as if passed; fail: exit 1")
    on_missing: Handling = Field(default="report", description="report: exit 4; allow: as if passed; fail: exit 1")
    checks: tuple[CheckRule, ...] = Field(min_length=1)
    acknowledged: tuple[Acknowledged, ...] = ()


def _read_margin(value: float | str) -> tuple[float, bool]:
    """(amount, whether it is a share of the baseline's value)."""
    if isinstance(value, str):
        found = re.fullmatch(r"\s*([0-9]*\.?[0-9]+)\s*%\s*", value)
        if found is None:
            raise ValueError(f"'{value}' is no margin: give a number, or a share of the baseline such as '2%'")
        return float(found[1]) / 100, True
    if not (value >= 0 and math.isfinite(value)):
        raise ValueError("a margin says how much worse is borne: 0 or more")
    return float(value), False


def read(path: Path) -> Policy:
    """Read and check a policy: YAML, or TOML where the name ends so.  Raises `UsageError` naming the place."""
    values = _toml(path) if path.suffix == ".toml" else _yaml(path)
    if not isinstance(values, dict):
        raise UsageError(f"'{path}' holds no policy", cause="a policy has checks", fix="bench gate init writes one")
    from pydantic import ValidationError

    try:
        return Policy.model_validate(values)
    except ValidationError as error:
        # A misspelt key is both unknown and missing; the unknown one says more.
        first = min(error.errors(), key=lambda e: e["type"] != "extra_forbidden")
        raise _complaint(path, first) from error


def _yaml(path: Path) -> Any:
    from bench.suites import yaml_values

    return yaml_values(path)[0]


def _toml(path: Path) -> Any:
    import tomllib

    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"'{path}' is not valid TOML", cause=str(error), fix="correct that line") from error
    except (OSError, ValueError) as error:
        raise UsageError(f"'{path}' cannot be read", cause=str(error), fix="give a readable policy file") from error


def _complaint(path: Path, error: Any) -> UsageError:
    location: tuple[str | int, ...] = tuple(error["loc"])
    where = ".".join(f"{part + 1}" if isinstance(part, int) else part for part in location) or "policy"
    fix = "bench gate init writes a policy with every key explained"
    if error["type"] == "extra_forbidden":
        cls = Policy if len(location) == 1 else Acknowledged if location[0] == "acknowledged" else CheckRule
        near = difflib.get_close_matches(str(location[-1]), list(cls.model_fields), n=1, cutoff=0.5)
        fix = f"did you mean '{near[0]}'?  {fix}" if near else fix
        return UsageError(
            f"'{path}': unknown key '{where}'", cause=f"the keys here are {', '.join(cls.model_fields)}", fix=fix
        )
    if error["type"] == "missing":
        return UsageError(f"'{path}': '{where}' is missing", cause="it is required", fix=fix)
    cause = str(error["msg"]).removeprefix("Value error, ")
    return UsageError(f"'{path}': '{where}' is wrong", cause=cause, fix=fix)
