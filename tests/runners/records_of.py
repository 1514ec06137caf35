"""Hypothesis strategies: any record of any kind, with the numbers and texts that files tend to spoil."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from bench.arrays import Ragged
from bench.records import RECORDS, Column, Record, Regression

SHAPE = {"quantiles": (2,), "member_quantiles": (3, 2), "members": (2, 3), "logits": (3,), "truth": (3,), "sets": (3,)}
# numpy's fixed-width strings cannot end in NUL, and UTF-8 has no lone surrogates: neither can be a name.
NAMES = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), min_size=1, max_size=6)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
FLOATS = st.floats(-1e300, 1e300) | st.sampled_from([5e-324, -0.0, 0.1, 1e-310])
NEGATIVE = st.floats(-1e300, -0.0) | st.sampled_from([-np.inf, -5e-324, -0.0])


def records(kind: str) -> st.SearchStrategy[Record]:
    """Records of that kind, of one to six rows."""
    return st.composite(_record)(kind)


def _record(draw: Any, kind: str) -> Record:
    cls = RECORDS[kind]
    n = draw(st.integers(1, 6))
    values: dict[str, Any] = {}
    for name, spec in cls.columns().items():
        if not spec.optional or draw(st.booleans()):
            values[name] = _column(draw, name, spec, n)
    return cls(**{**values, **_ruled(draw, kind, values, n)})


def _column(draw: Any, name: str, spec: Column, n: int) -> Any:
    if name == "ids":
        return np.array(draw(st.lists(NAMES, min_size=n, max_size=n, unique=True)))
    if spec.ragged:
        rows = [draw(st.lists(_cell(spec), max_size=4)) for _ in range(n)]
        return Ragged.of(rows, {"text": object, "float": float, "int": np.int64, "bool": bool}[spec.dtype])
    if spec.dims:
        dtype = np.float32 if spec.dtype == "float32" else np.float64
        shape = (n, *SHAPE.get(name, (2, 3)[: spec.dims]))
        if spec.dtype == "bool":
            return draw(hnp.arrays(np.bool_, shape))
        return draw(hnp.arrays(dtype, shape, elements=st.floats(-(2.0**100), 2.0**100, width=32)))
    cells = [draw(_cell(spec)) for _ in range(n)]
    return np.array(cells, dtype=object if spec.dtype == "text" else None)


def _cell(spec: Column) -> st.SearchStrategy[Any]:
    return {
        "float": FLOATS,
        "int": st.integers(-(2**63), 2**63 - 1),
        "bool": st.booleans(),
        "str": NAMES,
        "text": TEXTS,
    }[spec.dtype]


def _rows(draw: Any, cell: st.SearchStrategy[Any], n: int, least: int, dtype: Any) -> Ragged:
    return Ragged.of([draw(st.lists(cell, min_size=least, max_size=4)) for _ in range(n)], dtype)


def _some(draw: Any, cell: st.SearchStrategy[Any], n: int) -> Any:
    return np.array([draw(cell) for _ in range(n)])


def _ruled(draw: Any, kind: str, values: dict[str, Any], n: int) -> dict[str, Any]:
    """The columns that the record's own rules bind."""
    out: dict[str, Any] = {"n_failed": draw(st.integers(0, 3))}
    if "weights" in values:
        out["weights"] = _some(draw, st.floats(0, 1e300), n)
    if kind == "classification":
        out["labels"] = _some(draw, st.integers(0, 2), n)
        logits = draw(hnp.arrays(np.float64, (n, 3), elements=st.floats(-1e30, 1e30) | st.just(-np.inf)))
        logits[:, 0] = _some(draw, st.floats(-1e30, 1e30), n)
        out["logits"] = logits
        out |= {"truth": np.full((n, 3), [0.2, 0.3, 0.5])} if "truth" in values else {}
    elif kind == "regression":
        out |= _forecast(draw, values, n)
    elif kind == "choices":
        out |= _of_choices(draw, values, n)
    elif kind == "tokens":
        out["logprobs"] = _rows(draw, NEGATIVE, n, 0, float)
        out["bytes"] = _some(draw, st.integers(1, 2**63 - 1), n)
    elif kind == "generations":
        out["confidence"] = _some(draw, st.floats(0, 1), n)
        out["text"] = _rows(draw, TEXTS, n, 1, object)
        out |= _of_pools(draw, values, out["text"].lengths)
    elif kind == "ood":
        out |= {"scores": _some(draw, FLOATS, n), "ood": _some(draw, st.booleans(), n)}
    elif kind == "density":
        out["log_prob"] = _some(draw, NEGATIVE | FLOATS, n)
        out["dim"] = _some(draw, st.integers(1, 2**63 - 1), n)
        out["mc_error"] = _some(draw, st.floats(allow_nan=False) | st.just(np.nan), n)  # one NaN: JSON has no other
        out |= {"likelihood": draw(st.sampled_from(["exact", "lower"])), "levels": draw(st.integers(0, 256))}
    return out


def _of_choices(draw: Any, values: dict[str, Any], n: int) -> dict[str, Any]:
    loglik = _rows(draw, NEGATIVE, n, 2, float)
    loglik.values[loglik.offsets[:-1]] = _some(draw, st.floats(-1e300, -0.0), n)
    out = {"loglik": loglik, "labels": _some(draw, st.integers(0, 1), n)}
    if "truth" in values:
        out["truth"] = Ragged.of([np.full(k, 1 / k) for k in loglik.lengths], np.float64)
    if "order" in values:
        out["order"] = Ragged.of([draw(st.permutations(range(k))) for k in loglik.lengths], np.int64)
    return out


def _of_pools(draw: Any, values: dict[str, Any], sizes: Any) -> dict[str, Any]:
    """What belongs to generations or to their tokens has an entry for each."""
    out: dict[str, Any] = {"tokens": Ragged.of([[draw(st.integers(0, 2)) for _ in range(k)] for k in sizes], np.int64)}
    for name, cell, dtype in (
        ("token_logprobs", FLOATS, float),
        ("token_entropies", FLOATS, float),
        ("token_certainties", FLOATS, float),
        ("pieces", TEXTS, object),
    ):
        if name in values:
            out[name] = Ragged.of([[draw(cell) for _ in range(int(k))] for k in out["tokens"].sums()], dtype)
    if "greedy" in values:
        out["greedy"] = Ragged.of([[True, *[False] * (k - 1)] for k in sizes], np.bool_)
    if "states" in values:
        out["states"] = Ragged.of([[draw(FLOATS) for _ in range(2 * k)] for k in sizes], float)
    for name in {"p_true", "stated"} & values.keys():
        out[name] = _some(draw, st.floats(0, 1), len(sizes))
    if {"alternatives", "alternative_logprobs"} <= values.keys():
        lengths = values["alternatives"].lengths
        out["alternative_logprobs"] = Ragged.of([[draw(FLOATS) for _ in range(k)] for k in lengths], float)
    return out


def _forecast(draw: Any, values: dict[str, Any], n: int) -> dict[str, Any]:
    """A Gaussian forecast, and beside it whichever other forms were drawn, each whole."""
    positive = st.floats(5e-324, 1e300)
    out: dict[str, Any] = {"mean": _some(draw, FLOATS, n), "std": _some(draw, positive, n)}
    out["levels"] = (0.1, 0.9) if {"quantiles", "member_quantiles"} & values.keys() else ()
    whole = {form: any(key in values for key in Regression.forms[form]) for form in ("student", "mixture")}
    if whole["student"]:
        out |= {"location": _some(draw, FLOATS, n), "scale": _some(draw, positive, n), "df": _some(draw, positive, n)}
    if whole["mixture"]:
        out["mixture_means"] = np.array([_some(draw, FLOATS, 2) for _ in range(n)])
        out["mixture_stds"] = np.array([_some(draw, positive, 2) for _ in range(n)])
        out["mixture_weights"] = np.full((n, 2), [0.25, 0.75])
    if "exact_std" in values:
        out["exact_std"] = _some(draw, positive, n)
    if {"lower", "upper"} & values.keys():
        ends = np.sort(np.array([_some(draw, st.floats(allow_nan=False, allow_infinity=False), 2) for _ in range(n)]))
        out |= {"lower": ends[:, 0], "upper": ends[:, 1], "level": 0.9}
    return out


def same(a: Record, b: Record) -> bool:
    """Whether two records hold the same bits."""
    if type(a) is not type(b) or a.attribute_values() != b.attribute_values():
        return False
    for name in a.columns():
        x, y = getattr(a, name), getattr(b, name)
        if (x is None) != (y is None):
            return False
        if x is not None and not _same_column(x, y):
            return False
    return True


def _same_column(x: Any, y: Any) -> bool:
    if isinstance(x, Ragged):
        return isinstance(y, Ragged) and _same_column(x.offsets, y.offsets) and _same_column(x.values, y.values)
    if x.shape != y.shape or x.dtype.kind != y.dtype.kind:
        return False
    if x.dtype.kind in "OU":
        return bool((x == y).all())
    return bool(x.dtype == y.dtype and x.tobytes() == y.tobytes())
