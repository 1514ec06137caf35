"""gate.json: what a gate said of each check and why.  Every other output is made from it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field  # noqa: TID253 - the schema is the file's subject

from bench import __version__
from bench.errors import ExitCode
from bench.stats.verdicts import Verdict

GATE_SCHEMA = 1
SCHEMA_FILE = Path(__file__).with_name("gate.schema.json")
EXITS: dict[Verdict, ExitCode] = {
    Verdict.ERROR: ExitCode.FAILED,
    Verdict.INVALID: ExitCode.NOT_COMPARABLE,
    Verdict.MISSING: ExitCode.NOT_COMPARABLE,
    Verdict.FAIL: ExitCode.GATE_FAILED,
    Verdict.INCONCLUSIVE: ExitCode.INCOMPLETE,
    Verdict.PASS: ExitCode.OK,
    Verdict.IMPROVED: ExitCode.OK,
}
CheckKind = Literal["regression", "equivalence", "floor", "ceiling"]
VerdictName = Literal["error", "invalid", "missing", "fail", "inconclusive", "pass", "improved"]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Pardon(_Part):
    """An acknowledged regression."""

    reason: str
    expires: str = Field(description="the last day, ISO 8601")
    active: bool = Field(description="whether it covers this FAIL")


class CheckResult(_Part):
    """One check and its verdict.  Differences are turned so that positive is better."""

    id: str = Field(description="what the check is called, unique within the gate")
    kind: CheckKind
    verdict: VerdictName
    counts_as: VerdictName = Field(description="after acknowledgements and the policy's handling")
    required: bool
    reason: str = Field(description="the verdict in words")
    task: str
    metric: str
    model: str
    baseline_model: str = ""
    decoder: str = ""
    calibrator: str = ""
    score: str = ""
    slice: str = ""
    area: str = ""
    unit: str = ""
    better: str = "none"
    biased: bool = False
    baseline: float | None = None
    candidate: float | None = None
    gain: float | None = Field(default=None, description="candidate less baseline (or limit), positive for better")
    low: float | None = Field(default=None, description="95 % interval of the gain, lower end")
    high: float | None = None
    margin: float | None = Field(default=None, description="loss still borne, in the metric's unit")
    limit: float | None = Field(default=None, description="the floor or ceiling")
    p_worse: float | None = Field(default=None, description="one-sided, of 'not worse by more than the margin'")
    p_adjusted: float | None = Field(default=None, description="the same after correction over the family")
    mde: float | None = Field(default=None, description="smallest difference found with 80 % power")
    n: int = 0
    groups: int = Field(default=0, description="independent clusters of samples")
    failed_baseline: int = 0
    failed_candidate: int = 0
    gains: int | None = Field(default=None, description="samples that only the candidate has right")
    losses: int | None = Field(default=None, description="samples that only the baseline has right")
    method: str = ""
    warnings: tuple[str, ...] = ()
    acknowledged: Pardon | None = None
    lost: tuple[str, ...] = Field(default=(), description="ids of some samples that became wrong")


class SideFacts(_Part):
    """A side of the gate."""

    name: str
    facts: dict[str, str]


class SelfCheck(_Part):
    """What the gate says where nothing changed: answers of the two runs swapped at random, cluster by cluster."""

    permutations: int
    false_fail: float = Field(description="share of permutations in which any required check failed")
    false_fail_at_zero: float = Field(description="the same with all margins 0: should be at most 5 %")
    passes: float = Field(description="share in which every required check passed")
    sound: bool = Field(description="whether the false alarms are within 5 %, but for the noise of the permutations")


class Stop(_Part):
    """Why an evaluation was stopped before its end."""

    task: str
    model: str
    metric: str
    samples: int
    planned: int
    gain: float
    reason: str


class Gate(_Part):
    """The document."""

    schema_version: Literal[1] = 1
    kind: Literal["bench-gate"] = "bench-gate"
    bench_version: str = __version__
    created: str
    name: str
    correction: str
    level: float = 0.95
    verdict: VerdictName
    exit_code: int
    counts: dict[str, int]
    baseline: SideFacts
    candidate: SideFacts
    checks: tuple[CheckResult, ...]
    notes: tuple[str, ...] = ()
    self_check: SelfCheck | None = None
    stopped: Stop | None = None

    def as_json(self) -> dict[str, Any]:
        """The document as JSON values."""
        values: dict[str, Any] = self.model_dump(mode="json")
        return values


def counted(checks: Sequence[CheckResult]) -> dict[str, int]:
    """How many checks have each verdict, all verdicts named."""
    return {v.value: sum(c.verdict == v.value for c in checks) for v in Verdict}


def schema() -> str:
    """The JSON schema of gate.json, as it is shipped."""
    return json.dumps(Gate.model_json_schema(), indent=1, sort_keys=True) + "\n"
