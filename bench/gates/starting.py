"""A first policy from one run or two: the numbers that matter most, with margins that these samples can hold.

A margin is a loss that is borne, so it must not grow with the loss that two runs happen to show: the smallest
detectable difference of a pair does, since answers that are lost are answers that disagree. The baseline's own interval
bounds it. A loss within that could come from another draw of the samples.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator

from bench.comparing.contrast import Contrast, contrast
from bench.comparing.evidence import CellEvidence, Evidence, Side
from bench.comparing.pairing import couples, differences, match, pair
from bench.errors import NotComparableError
from bench.reports.headlines import PRIMARY, SCORES
from bench.reports.numerals import short
from bench.stats.verdicts import ALPHA

HEAD = """\
# What `bench gate` checks.  One rule a check; names may be globs ("reasoning/*").
version: 1
name: {name}

# How the chance of any false alarm is held at 5 % over the required checks:
# holm · max-t (more power where checks share samples) · bonferroni · hochberg · none
correction: holm

# Where the samples cannot tell: report (exit 3) · allow (as if passed) · fail (exit 1)
on_inconclusive: report
# Where a number or samples are missing on one side: report (exit 4) · allow · fail
on_missing: report

checks:
"""
TAIL = """
  # What else a rule may say:
  #   direction: equal        # neither better nor worse than the margin; higher, lower: against the metric's own
  #   margin: 2%              # a share of the baseline's value
  #   floor: 0.9              # the candidate's value must surely not be below (ceiling: above)
  #   calibrator: temperature # the number after a calibrator; score, slice, decoder and model likewise
  #   cluster: none           # take samples as independent, although they come in groups
  #   required: false         # advisory: shown, and never failing the gate

# Regressions that are known and borne, each with a reason and a last day:
# acknowledged:
#   - task: reasoning/logic
#     metric: accuracy
#     reason: the smaller model is meant to lose here
#     expires: 2027-01-31
#     margin: 0.05          # no farther than this
"""
ALSO = ("accuracy",)


def policy_text(baseline: Side, candidate: Side | None = None, *, name: str = "gate") -> str:
    """A commented YAML policy.

    A margin is half the width of the baseline's 95 % interval, or the smallest detectable difference of the two runs
    where that is smaller or the number is biased, rounded up.  Raises `NotComparableError` where the two have no
    number in common.
    """
    rules = [_rule(*chosen) for chosen in _chosen(baseline, candidate or baseline)]
    if not rules:
        raise NotComparableError(
            "no check can be made of these two runs",
            cause="they have no headline number on the same samples",
            fix="bench compare shows what differs",
        )
    return HEAD.format(name=json.dumps(name)) + "\n".join(dict.fromkeys(rules)) + "\n" + TAIL


def _chosen(baseline: Side, candidate: Side) -> Iterator[tuple[CellEvidence, Evidence, Contrast]]:
    """The candidate's cell, the baseline's number, and their contrast."""
    for one, other in couples(baseline, candidate):
        if one is None or other is None or differences(one, other):
            continue
        m = match(one, other)
        for number in headline_numbers(other):
            twin = one.number(number.key)
            found = pair((one, other), (twin, number), m) if twin and m.complete else "unmatched"
            if twin and not isinstance(found, str):
                yield other, twin, contrast(found)


def headline_numbers(cell: CellEvidence) -> Iterator[Evidence]:
    """The area's first headline metric that the cell has, and accuracy; of scores, the usual one."""
    scores = [s for s in SCORES if any(e.score == s for e in cell.numbers)]
    usual = scores[0] if scores else ""
    plain = {e.metric: e for e in cell.numbers if not (e.calibrator or e.slice) and e.score in {"", usual}}
    first = next((plain[m] for m in PRIMARY.get(cell.area, ()) if m in plain), None)
    wanted = [e for e in (first, *(plain.get(m) for m in ALSO)) if e is not None and e.better != "none"]
    yield from {e.key: e for e in wanted}.values()


def _rule(cell: CellEvidence, number: Evidence, c: Contrast) -> str:
    lines = [f"  - task: {json.dumps(cell.task)}", f"    metric: {json.dumps(number.metric)}"]
    if number.score:
        lines.append(f"    score: {json.dumps(number.score)}")
    if cell.decoder:
        lines.append(f"    decoder: {json.dumps(cell.decoder)}")
    margin, why = _margin(number, c)
    unit = f"{number.unit}; " if number.unit and number.unit.isascii() and number.unit.isprintable() else ""
    lines.append(f"    margin: {margin:g}  # {unit}{why}")
    if c.mde:
        lines.append(
            f"    # {c.n:,} samples: taken alone, a loss of {_rounded_up(margin + c.mde):g} would fail in 80 %"
        )
    if c.p_value is not None and c.p_value < 2 * ALPHA:
        lines.append(
            f"    # the two runs surely differ here, by {short(abs(c.gain))}: two seeds would tell the noise better"
        )
    return "\n".join(lines)


def _margin(number: Evidence, c: Contrast) -> tuple[float, str]:
    """What is borne, and why so much."""
    _, low, high = number.shown
    half = (high - low) / 2 if low is not None and high is not None and high > low else math.inf
    if c.mde and (number.biased or c.mde <= half):  # the interval of a biased number ends where its range does
        return _rounded_up(c.mde), f"the smallest difference that {c.n:,} samples show"
    if math.isfinite(half):
        return _rounded_up(half), "half the width of the baseline's 95 % interval"
    return _rounded_up(_fallback(number)), "no interval to go by: a guess"


def _fallback(number: Evidence) -> float:
    return 0.02 if number.kind == "share" else max(abs(number.value or 0.0) * 0.02, 1e-4)


def _rounded_up(x: float) -> float:
    """To two digits, upwards, of which the second is 0 or 5."""
    step = 10.0 ** math.floor(math.log10(x)) / 2
    return float(f"{math.ceil(x / step - 1e-9) * step:.3g}")
