"""The frame: specs, ragged columns, seeds, the registry, and what a component may be."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.arrays import Ragged
from bench.components import KINDS, Metric, Truth
from bench.errors import RecordError, UsageError
from bench.examples import Examples
from bench.records import Classification, Regression
from bench.registry import components, find, load_plugin
from bench.seeds import derive, generator, uniforms
from bench.specs import Spec, bind, parse

HEAVY = {
    "torch",
    "transformers",
    "scipy",
    "sklearn",
    "pandas",
    "pyarrow",
    "datasets",
    "pydantic",
    "yaml",
    "jinja2",
    "lm_eval",
}

AREAS = {"likelihood", "calibration", "ood", "uncertainty", "reasoning", "efficiency", "general"}


@given(st.lists(st.lists(st.floats(-1e6, 1e6), max_size=5), max_size=8), st.data())
def test_ragged_rows_sums_and_selection(rows: list[list[float]], data: st.DataObject) -> None:
    ragged = Ragged.of(rows, np.float64)
    assert [ragged[i].tolist() for i in range(len(ragged))] == rows
    np.testing.assert_allclose(ragged.sums(), [np.sum(r) if r else 0.0 for r in rows], rtol=1e-12, atol=1e-6)
    picked = data.draw(st.lists(st.integers(0, max(0, len(rows) - 1)), max_size=6)) if rows else []
    taken = ragged.take(np.array(picked, dtype=np.int64))
    assert [taken[i].tolist() for i in range(len(taken))] == [rows[i] for i in picked]


def test_padding_keeps_rows_and_fills_the_rest() -> None:
    padded = Ragged.of([[1.0], [], [2.0, 3.0]], np.float64).padded(-np.inf)
    assert padded.tolist() == [[1.0, -np.inf], [-np.inf, -np.inf], [2.0, 3.0]]


@pytest.mark.parametrize(
    ("text", "spec"),
    [
        ("mlp", Spec("mlp")),
        ("hf:./a:b", Spec("hf", "./a:b")),
        ("ensemble:mlp,size=5", Spec("ensemble", "mlp", {"size": 5})),
        ("x,a=true,b=null,c=0.5,d=word", Spec("x", None, {"a": True, "b": None, "c": 0.5, "d": "word"})),
    ],
)
def test_specs_are_read_and_written_back(text: str, spec: Spec) -> None:
    assert parse(text) == spec
    assert parse(str(spec)) == spec


@pytest.mark.parametrize("text", ["", ":x", "mlp,size", "mlp,=3", "mlp,a b=3"])
def test_specs_that_say_nothing_are_refused(text: str) -> None:
    with pytest.raises(UsageError):
        parse(text)


def test_binding_names_the_known_parameters() -> None:
    def function(first: int, size: int = 3, *, rate: float) -> None: ...

    assert bind(function, parse("f,rate=0.5"), skip=1) == {"size": 3, "rate": 0.5}
    with pytest.raises(UsageError, match="no parameter 'sise'"):
        bind(function, parse("f,rate=1,sise=2"), skip=1)
    with pytest.raises(UsageError, match="needs 'rate'"):
        bind(function, parse("f"), skip=1)


def test_draws_depend_on_their_scope_alone() -> None:
    assert derive(0, "a", "b") == derive(0, "a", "b")
    assert len({derive(0, "a", "b"), derive(0, "ab"), derive(1, "a", "b"), derive(0, "b", "a")}) == 4
    assert generator(3, "x").random() == generator(3, "x").random()


def test_seeds_are_stable_over_versions() -> None:
    # Written down once: if this changes, every run of every user changes.
    assert derive(0, "task", 1) == 15809053865951927935


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_every_component_says_what_it_is(kind: str) -> None:
    found = components(kind)
    assert found
    for component in found.values():
        assert component.doc, component.name
        assert component.source or kind in {"model", "task"}, component.name
        assert component.area in AREAS, component.name


def test_every_check_that_a_component_names_exists() -> None:
    checks = components("check")
    for kind in KINDS:
        for component in components(kind).values():
            assert not component.check or component.check in checks, f"{component.name}: {component.check}"


def test_metrics_have_directions_and_ordered_ranges() -> None:
    for metric in components(Metric).values():
        low, high = metric.range
        assert low is None or high is None or low < high, metric.name
        assert metric.better in {"higher", "lower", "none"}


def test_the_nearest_name_is_suggested() -> None:
    with pytest.raises(UsageError, match="did you mean 'accuracy'"):
        find("metric", "acuracy")


def test_two_components_of_one_name_are_refused(tmp_path: Path) -> None:
    plugin = tmp_path / "twice.py"
    plugin.write_text(
        "from bench import Classification, metric\n"
        "@metric('accuracy', of=Classification, area='calibration', better='higher', source='x')\n"
        "def accuracy(record):\n    'Mine.'\n"
    )
    components("metric")
    with pytest.raises(UsageError, match="two metrics are called 'accuracy'"):
        load_plugin(plugin)


@pytest.mark.parametrize("content", ["import nowhere_to_be_found", "def broken(:", "raise ValueError('no')"])
def test_a_plugin_that_fails_is_told_in_three_lines(tmp_path: Path, content: str) -> None:
    plugin = tmp_path / "bad.py"
    plugin.write_text(content)
    with pytest.raises(UsageError, match="failed to load"):
        load_plugin(plugin)
    with pytest.raises(UsageError, match="not found"):
        load_plugin(tmp_path / "none.py")


def test_discovery_imports_nothing_heavy() -> None:
    code = (
        "import sys; from bench.components import KINDS; from bench.registry import components\n"
        "for kind in KINDS: components(kind)\n"
        f"print(sorted({HEAVY!r} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_truth_that_is_nan_never_passes() -> None:
    assert not Truth(1.0, float("nan"), 1e9).passed
    assert Truth(1.0, 1.5, 0.5).passed
    assert not Truth(1.0, 1.6, 0.5).passed


def _record(**changes: object) -> Classification:
    values = {"ids": ["a", "b"], "labels": [0, 1], "logits": [[0.0, 1.0], [2.0, 0.0]], **changes}
    return Classification(**values)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"labels": [0, 2]}, "column 'labels', row 1"),
        ({"labels": [0]}, "'labels' has 1 rows"),
        ({"logits": [[0.0, np.nan], [0.0, 0.0]]}, "column 'logits', row 0"),
        ({"logits": [[-np.inf, -np.inf], [0.0, 0.0]]}, "column 'logits', row 0"),
        ({"logits": [0.0, 1.0]}, "has 1 axes"),
        ({"logits": None}, "'logits' is missing"),
        ({"weights": [1.0, -1.0]}, "column 'weights', row 1"),
        ({"truth": [[0.5, 0.6], [0.5, 0.5]]}, "column 'truth', row 0"),
    ],
)
def test_records_name_the_column_the_row_and_the_rule(changes: dict[str, object], words: str) -> None:
    with pytest.raises(RecordError) as caught:
        _record(**changes)
    assert words in str(caught.value)
    assert "bench show record" in caught.value.fix or "row" in caught.value.fix


def test_probabilities_survive_extreme_logits() -> None:
    record = _record(logits=[[1e4, -1e4], [-np.inf, 3.0]])
    assert record.probs.tolist() == [[1.0, 0.0], [0.0, 1.0]]
    assert np.isfinite(record.log_probs[0]).all()


def test_a_regression_has_one_form_of_forecast() -> None:
    with pytest.raises(RecordError, match="no forecast"):
        Regression(ids=np.array(["a"]), y=np.array([0.0]))
    with pytest.raises(RecordError, match="'std' is missing"):
        Regression(ids=np.array(["a"]), y=np.array([0.0]), mean=np.array([0.0]))
    with pytest.raises(RecordError, match="2 quantiles for 1 levels"):
        Regression(ids=np.array(["a"]), y=np.array([0.0]), quantiles=np.array([[0.0, 1.0]]), levels=(0.5,))


def test_rows_make_the_record_again_and_failures_add_up() -> None:
    one = _record(n_failed=1)
    again = Classification.from_rows(list(one.rows()), one.attribute_values())
    assert again.logits.tolist() == one.logits.tolist()
    joined = Classification.concatenate([one, _record(ids=["c", "d"], n_failed=2)])
    assert (len(joined), joined.n_failed) == (4, 3)


def test_examples_are_joined_split_and_checked() -> None:
    part = Examples(ids=np.array(["a"]), inputs=np.zeros((1, 2)), targets=np.array([0]))
    other = Examples(ids=np.array(["b"]), inputs=np.ones((1, 2)), targets=np.array([1]))
    both = Examples.join({"train": part, "test": other})
    assert both.split("test").ids.tolist() == ["b"]
    assert np.asarray(both.split("train").inputs).tolist() == [[0.0, 0.0]]
    with pytest.raises(RecordError, match="twice"):
        Examples(ids=np.array(["a", "a"]), inputs=np.zeros((2, 2)))
    with pytest.raises(RecordError, match="'targets' has 1 rows"):
        Examples(ids=np.array(["a", "b"]), inputs=np.zeros((2, 2)), targets=np.array([0]))


def test_uniform_draws_depend_on_the_id_alone() -> None:
    ids = np.array([f"sample-{i}" for i in range(20_000)])
    u = uniforms(ids, 0, "x")
    order = np.random.default_rng(0).permutation(len(ids))
    assert (uniforms(ids[order], 0, "x") == u[order]).all()
    longer = np.append(ids[:3], "a much longer id than all of the others")
    assert (uniforms(longer, 0, "x")[:3] == u[:3]).all()
    assert len(np.unique(u)) == len(u)
    from scipy import stats

    # Uniform, and independent of the draws of another scope or seed: 4.5 standard errors.
    assert stats.kstest(u, "uniform").pvalue > 1e-5
    for other in (uniforms(ids, 1, "x"), uniforms(ids, 0, "y"), np.roll(u, 1)):
        assert abs(np.corrcoef(u, other)[0, 1]) < 4.5 / len(ids) ** 0.5
    assert ((u > 0) & (u < 1)).all()
