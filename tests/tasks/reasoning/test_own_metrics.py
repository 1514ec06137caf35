"""Tasks that are asked in their own way: what their askers make of a scripted model's answers."""

from __future__ import annotations

from collections import Counter
from typing import Any, cast

import numpy as np
import pytest

from bench.checks.reasoning_recall import Scripted, asked
from bench.components import Task
from bench.errors import UsageError
from bench.language import LanguageModel, Scored
from bench.models.ngram import NGram
from bench.procedural.biographies import registry
from bench.procedural.items import split_of
from bench.records import Conditionals
from bench.registry import find
from bench.stats.intervals import value
from bench.tasks.reasoning.bayes_nets import ask, bayes_nets
from bench.tasks.reasoning.chain_entropy import entropies, split
from bench.tasks.reasoning.choice_orders import choice_orders, choice_sets
from bench.tasks.reasoning.procedural import arithmetic_robust
from bench.tasks.reasoning.recall import counterfactual_people
from bench.tasks.reasoning.satisfiability import satisfiability
from bench.tasks.reasoning.sets import sets
from bench.tasks.reasoning.worlds import worlds

PEOPLE = {person.name: person for person in registry()}


def _own(task: str, record: Any) -> dict[str, float | None]:
    own = find(Task, task).own
    assert own is not None
    return {metric.name: value(metric, record) for metric in own(record)}


def _knows(context: str, choice: str) -> float:
    """Gives 0.8 to what is true of the person last named, and knows nothing of several at once."""
    names = [name for name in PEOPLE if name in context.rpartition("Q: ")[2]]
    if len(names) > 1:
        return -1.0
    person = PEOPLE[names[0]]
    return float(np.log(0.8 if choice.strip(" .") in {person.city, person.job, person.year} else 0.05))


def test_who_knows_each_member_knows_the_set() -> None:
    found = _own("reasoning/sets", asked(Scripted(_knows), sets(0)))
    assert [found[f"accuracy-{rule}"] for rule in ("product", "mixture", "minimum")] == [1, 1, 1]
    assert cast("float", found["accuracy-direct"]) < 0.5
    assert found["gap-product-direct"] == 1 - cast("float", found["accuracy-direct"])


def test_claims_do_not_move_who_knows() -> None:
    found = _own("reasoning/counterfactual-people", asked(Scripted(_knows), counterfactual_people(1)))
    assert (found["remembered-rate"], found["claimed-rate"], found["other-rate"]) == (1, 0, 0)
    assert found["claim-log-odds"] == pytest.approx(np.log(0.05 / 0.8))


def test_counterfactual_rows_differ_by_the_claim_alone() -> None:
    examples = counterfactual_people(2)
    for plain, told in zip(examples.inputs[::2], examples.inputs[1::2], strict=True):
        assert told.prompt.endswith(plain.prompt)
        assert plain.choices == told.choices
        assert plain.choices[1].strip(" .") in told.prompt.removesuffix(plain.prompt)
    assert Counter(np.asarray(examples.dataset).tolist()) == {"plain": 60, "frequent": 20, "middling": 20, "rare": 20}


def test_orders_hold_every_choice_everywhere() -> None:
    examples = choice_orders(0)
    record = asked(Scripted(_knows), examples)
    found = _own("reasoning/choice-orders", record)
    assert (found["order-flip-rate"], found["accuracy-worst-order"]) == (0, 1)
    assert record.order is not None
    for question, label in zip(examples.inputs, np.asarray(examples.targets).tolist(), strict=True):
        assert question.prompt.endswith(f"{''.join(question.choices)}\nAnswer:")
        assert 0 <= label < 3
    with pytest.raises(UsageError, match="as a set"):
        asked(Scripted(_knows), choice_sets(0))


def test_robust_pairs_have_one_answer() -> None:
    examples = arithmetic_robust(3)
    parts = np.asarray(examples.dataset)
    assert Counter(parts.tolist()) == dict.fromkeys(("seen", "new", "written", "reordered"), 40)
    targets, groups = np.asarray(examples.targets), np.asarray(examples.groups)
    for name in set(groups[parts == "written"].tolist()):
        assert len(set(targets[groups == name].tolist())) == 1
    splits = [split_of(str(text)) for text in examples.inputs]
    assert {s for s, part in zip(splits, parts, strict=True) if part == "seen"} == {"train"}
    assert {s for s, part in zip(splits, parts, strict=True) if part != "seen"} == {"test"}


def test_bayes_nets_do_not_depend_on_the_batch() -> None:
    examples = bayes_nets(0, nets=2, texts=200, traces=3)
    model = NGram(2)
    model.fit(examples.split("train"), 0)
    test = examples.split("test")

    def estimates(rows: Any) -> Conditionals:
        part = test.take(np.asarray(rows))
        return ask(cast("LanguageModel", model), None, part, 5, {"ids": part.ids, "groups": part.groups})

    whole = estimates(range(len(test)))
    for name in ("direct", "scaffolded", "free", "negative", "mentioned"):
        apart = [float(getattr(estimates([row]), name)[0]) for row in range(4)]
        np.testing.assert_allclose(getattr(whole, name)[:4], apart, atol=1e-12)
    assert set(" ".join(map(str, examples.split("train").inputs)).split()) <= {
        f"{net}{i}={v}" for net in "AB" for i in range(5) for v in (0, 1)
    }


def test_half_of_the_formulas_can_be_satisfied() -> None:
    examples = satisfiability(4, formulas=24)
    assert np.asarray(examples.targets).sum() == 12
    assert Counter(np.asarray(examples.dataset).tolist()) == {"n5": 8, "n8": 8, "n12": 8}


def test_worlds_are_neither_certain_nor_all_alike() -> None:
    p = np.asarray(worlds(0).truth)[:, 1]
    assert ((p > 0) & (p < 1)).all()
    assert p.std() > 0.1


def test_chains_split_into_steps() -> None:
    assert split(" 7 * 2 = 14. 14 - 4 = 10. So 10.") == [" 7 * 2 = 14.", " 14 - 4 = 10."]
    assert split(" So 3.") == []
    assert split("") == []
    with pytest.raises(UsageError, match="entropy"):
        entropies(cast("LanguageModel", Scripted(lambda *_: -1.0)), [("a", " So 1.")])


def test_scripted_models_are_language_models() -> None:
    (scored,) = Scripted(lambda *_: -2.0).score([("a", "b")])
    assert isinstance(scored, Scored)
    assert scored.total == -2
