"""From a policy and two sides to the gate's answer: each check's verdict with its reason, and the whole."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from bench.comparing.evidence import Side
from bench.errors import UsageError
from bench.gates.deciding import judged
from bench.gates.document import EXITS, CheckResult, Gate, Pardon, SelfCheck, SideFacts, counted
from bench.gates.naming import lost_samples
from bench.gates.permuting import permuted
from bench.gates.policy import Acknowledged, Policy
from bench.gates.trials import Trial, trials
from bench.reports.numerals import short
from bench.stats.verdicts import Verdict, overall

HANDLED = {"allow": Verdict.PASS, "fail": Verdict.FAIL}


def gate(
    policy: Policy, baseline: Side, candidate: Side, *, today: date, created: str, self_check: int = 0, seed: int = 0
) -> Gate:
    """The verdicts of a policy on two sides.

    self_check: permutations of the A/A check, 0 for none.  seed: of max-T and of the permutations.  Raises
    `NotComparableError` where the sides have nothing in common.
    """
    made = trials(policy, baseline, candidate)
    verdicts, p = judged(made, policy.correction, seed)
    checks = tuple(
        _result(trial, v, x, policy, today, name).model_copy(update={"lost": lost_samples(trial, candidate)})
        for trial, v, x, name in zip(made, verdicts, p, _names(made), strict=True)
    )
    required = [Verdict(c.counts_as) for c in checks if c.required]
    verdict = overall(required)
    notes = [] if required else ["no required check ran: a gate that checks nothing does not pass"]
    checked: SelfCheck | None = None
    if self_check:
        checked = permuted(made, policy.correction, self_check, seed)
        if not checked.sound:
            notes.append("the self-check found more false alarms than 5 %: read the verdicts with care")
    return Gate(
        created=created,
        name=policy.name,
        correction=policy.correction,
        verdict=verdict.value,
        exit_code=int(EXITS[verdict]),
        counts=counted(checks),
        baseline=SideFacts(name=baseline.name, facts=dict(baseline.facts)),
        candidate=SideFacts(name=candidate.name, facts=dict(candidate.facts)),
        checks=checks,
        notes=(*notes, *_notes(baseline, candidate)),
        self_check=checked,
    )


def _notes(baseline: Side, candidate: Side) -> list[str]:
    one, other = (s.facts.get("bench", "") for s in (baseline, candidate))
    return [f"made by different versions of bench: {one} and {other}"] if one and other and one != other else []


def _names(made: Sequence[Trial]) -> list[str]:
    """What each check is called: its task and metric, and what else tells it from the others."""
    several = len({t.names.get("model") for t in made} - {"*"}) > 1
    names = []
    seen: dict[str, int] = {}
    for t in made:
        extra = [t.names.get(k, "") for k in ("decoder", "calibrator", "score", "slice")]
        extra += [t.names.get("model", "")] if several else []
        extra += [t.kind] if t.kind != "regression" else []
        name = " · ".join(p for p in (t.names.get("task", ""), t.names.get("metric", ""), *extra) if p and p != "*")
        seen[name] = seen.get(name, 0) + 1
        names.append(name if seen[name] == 1 else f"{name} ({seen[name]})")
    return names


def _result(trial: Trial, verdict: Verdict, p: float | None, policy: Policy, today: date, name: str) -> CheckResult:
    c, number = trial.tested, trial.number
    pardon = _pardon(trial, verdict, policy, today)
    one, other = trial.cells
    warnings = _warnings(trial, verdict, pardon)
    return CheckResult(
        id=name,
        kind=trial.kind,
        verdict=verdict.value,
        counts_as=_counts_as(verdict, pardon, policy).value,
        required=trial.rule.required,
        reason=_reason(trial, verdict),
        task=trial.names.get("task", ""),
        metric=trial.names.get("metric", ""),
        model=trial.names.get("model", ""),
        decoder=trial.names.get("decoder", ""),
        calibrator=trial.names.get("calibrator", ""),
        score=trial.names.get("score", ""),
        slice=trial.names.get("slice", ""),
        baseline_model=trial.baseline_model,
        area=other.area if other else one.area if one else "",
        unit=number.unit if number else "",
        better=number.better if number else "none",
        biased=bool(number and number.biased),
        baseline=trial.values[0],
        candidate=trial.values[1],
        gain=c.gain if c else None,
        low=c.low if c else None,
        high=c.high if c else None,
        margin=trial.margin,
        limit=trial.limit,
        p_worse=trial.sides.worse if trial.sides else None,
        p_adjusted=p,
        mde=c.mde if c else None,
        n=c.n if c else 0,
        groups=c.groups if c else 0,
        failed_baseline=one.n_failed if one else 0,
        failed_candidate=other.n_failed if other else 0,
        gains=c.gains if c else None,
        losses=c.losses if c else None,
        method=c.method if c else "",
        warnings=tuple(warnings),
        acknowledged=pardon,
    )


def _counts_as(verdict: Verdict, pardon: Pardon | None, policy: Policy) -> Verdict:
    if verdict is Verdict.FAIL and pardon is not None and pardon.active:
        return Verdict.PASS
    if verdict is Verdict.INCONCLUSIVE:
        return HANDLED.get(policy.on_inconclusive, verdict)
    return HANDLED.get(policy.on_missing, verdict) if verdict is Verdict.MISSING else verdict


def _pardon(trial: Trial, verdict: Verdict, policy: Policy, today: date) -> Pardon | None:
    """The acknowledgement that covers a FAIL, expired or not; none where it goes farther than was acknowledged."""
    if verdict is not Verdict.FAIL:
        return None
    meant = [a for a in policy.acknowledged if a.takes(trial.names)]
    found = next((a for a in meant if today <= a.expires), next(iter(meant), None))
    if found is None:
        return None
    active = today <= found.expires and not _beyond(trial, found)
    return Pardon(reason=found.reason, expires=found.expires.isoformat(), active=active)


def _beyond(trial: Trial, found: Acknowledged) -> bool:
    """Whether the whole interval lies farther down than what is acknowledged."""
    high = trial.tested.high if trial.tested else None
    return high is not None and high < -found.borne(trial.values[0] or 0.0)


def _warnings(trial: Trial, verdict: Verdict, pardon: Pardon | None) -> list[str]:
    c = trial.tested
    found = []
    if c is not None and c.mde is not None and trial.margin is not None and trial.kind in {"regression", "equivalence"}:
        if trial.margin == 0:
            if verdict is Verdict.INCONCLUSIVE:
                found.append("a margin of 0 is passed by an improvement only")
        elif c.mde > trial.margin and verdict in {Verdict.INCONCLUSIVE, Verdict.PASS}:
            needed = round(c.groups * (c.mde / trial.margin) ** 2)
            found.append(
                f"the smallest detectable difference, {short(c.mde)}, exceeds the margin, {short(trial.margin)}: "
                f"even an unchanged model would often be inconclusive; about {needed:,} independent samples are needed"
            )
    if c is not None and c.attrition:
        found.append(f"{c.attrition} samples failed on a side; the interval spans their worst and best")
    if trial.number is not None and trial.number.biased and trial.kind in {"floor", "ceiling"}:
        found.append("the metric is biased; the limit is held against its value as it is")
    if pardon is not None and not pardon.active:
        found.append("an acknowledgement exists, but it has expired or the regression goes farther")
    return found


def _reason(trial: Trial, verdict: Verdict) -> str:
    if trial.same and verdict is Verdict.PASS and trial.kind in {"regression", "equivalence"}:
        return "the answers are the baseline's, bit for bit"
    if trial.reason:
        return trial.reason
    margin = short(trial.margin) if trial.margin else ""
    limited = {"floor": "below the floor", "ceiling": "above the ceiling"}.get(trial.kind, "")
    if limited:
        told = {Verdict.FAIL: f"surely {limited}", Verdict.PASS: f"surely not {limited}"}
        open_ = f"the interval holds the {trial.kind}"
    elif trial.kind == "equivalence":
        told = {Verdict.FAIL: f"surely farther apart than {margin}", Verdict.PASS: f"surely within {margin}"}
        open_ = f"the interval reaches beyond {margin}"
    else:
        told = {
            Verdict.FAIL: f"surely worse by more than {margin}" if margin else "surely worse",
            Verdict.IMPROVED: "surely better",
            Verdict.PASS: f"surely not worse by more than {margin}",
        }
        open_ = "too few samples to tell: the interval holds " + (f"−{margin}" if margin else "0")
    if verdict is Verdict.INCONCLUSIVE and _below(trial):
        return f"{limited or 'worse'} taken alone, but not surely so among so many checks"
    return told.get(verdict, open_)


def _below(trial: Trial) -> bool:
    """Whether the interval lies wholly below what is borne; without correction it would fail."""
    high = trial.tested.high if trial.tested else None
    return high is not None and high < -(trial.margin or 0.0)


def refuse_empty(policy: Policy) -> None:
    """Raise `UsageError` for a policy in which nothing is required."""
    if not any(rule.required for rule in policy.checks):
        raise UsageError(
            "the policy requires nothing", cause="every check is advisory", fix="leave out required: false somewhere"
        )
