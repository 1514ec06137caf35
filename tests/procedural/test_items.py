"""What all kinds of items share: determinism, disjoint splits, and strict reading of answers."""

from __future__ import annotations

import subprocess
import sys
from itertools import islice

import pytest

from bench.procedural import DIFFICULTIES, KINDS, extract_answer, items, split_of, stream
from bench.procedural.items import digest

QUESTION_KINDS = [kind for kind in KINDS if kind not in ("biographies", "prose")]
LEVELS = [(kind, level) for kind in KINDS for level in range(1, DIFFICULTIES[kind] + 1)]


@pytest.mark.parametrize("kind", KINDS)
def test_same_arguments_give_the_same_items_and_another_seed_gives_others(kind: str) -> None:
    assert items(kind, 40, 5) == items(kind, 40, 5)
    assert items(kind, 40, 5) != items(kind, 40, 6)


def test_items_are_the_same_in_another_process() -> None:
    code = "from bench.procedural import KINDS, items; print([i.id for k in KINDS for i in items(k, 9, 1)])"
    runs = {
        subprocess.run(
            [sys.executable, "-c", code], env={"PYTHONHASHSEED": seed, "PYTHONPATH": ":".join(sys.path)},
            check=True, capture_output=True, text=True,
        ).stdout
        for seed in ("1", "2")
    }  # fmt: skip
    assert runs == {str([item.id for kind in KINDS for item in items(kind, 9, 1)]) + "\n"}


def test_importing_the_generators_imports_no_torch() -> None:
    code = "import sys, bench.procedural, bench.zoo; assert not {'torch', 'transformers'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], env={"PYTHONPATH": ":".join(sys.path)}, check=True)


def test_the_digest_is_pinned() -> None:
    # A changed digest would move questions between the splits and void the shipped checkpoints.
    assert digest("Q: 1 + 1 = ?\nA:") == "6049ba677b808c90"


@pytest.mark.parametrize(("kind", "level"), LEVELS)
def test_no_test_prompt_is_ever_drawn_for_training(kind: str, level: int) -> None:
    test = {item.prompt for seed in (0, 1) for item in items(kind, 100, seed, "test", level)}
    train = {item.prompt for seed in (0, 1, 2) for item in islice(stream(kind, seed, "train", level), 2000)}
    assert test.isdisjoint(train)
    if kind != "biographies":
        assert {split_of(prompt) for prompt in test} == {"test"}
        assert {split_of(prompt) for prompt in train} == {"train"}


@pytest.mark.parametrize(("kind", "level"), LEVELS)
def test_items_are_well_formed(kind: str, level: int) -> None:
    asked = items(kind, 60, 3, "test", level)
    assert len({item.id for item in asked}) == len(asked)
    for item in asked:
        assert item.id.startswith(f"{kind}-")
        assert (item.kind, item.difficulty) == (kind, level)
        assert (item.group == item.id) == (kind != "biographies")
        assert item.solution.startswith(" ")
        assert item.solution.endswith("\n")
        assert extract_answer(kind, item.solution) == item.answer
        assert not item.choices or item.choices.count(item.answer) == 1
        assert len(set(item.choices)) == len(item.choices)
        assert not item.prompt.endswith(" ")


def test_the_direct_form_asks_for_the_answer_at_once() -> None:
    item = items("arithmetic", 1, 0)[0]
    assert item.direct.endswith("= ?\nAnswer:")
    assert f" {item.answer}." in item.continuations
    story = items("prose", 1, 0)[0]
    assert story.direct == story.prompt
    assert all(text.count(".") == 1 for text in story.continuations)


def test_the_position_of_the_answer_among_the_choices_tells_nothing() -> None:
    asked = items("arithmetic", 400, 0)
    places = [item.choices.index(item.answer) for item in asked]
    assert all(60 <= places.count(place) <= 140 for place in range(4))


def test_asking_for_more_than_there_is_or_for_what_is_not_there_is_refused() -> None:
    with pytest.raises(ValueError, match="no 5000 different test items"):
        items("arithmetic", 5000, 0, "test", 1)
    with pytest.raises(ValueError, match="kinds of items are"):
        items("poetry", 1, 0)
    with pytest.raises(ValueError, match="difficulties 1 to 4"):
        items("logic", 1, 0, "test", 9)


@pytest.mark.parametrize(
    ("kind", "text", "answer"),
    [
        ("arithmetic", " 7 + 25 = 32. So 32.\n", "32"),
        ("arithmetic", " So 32.\nQ: 1 + 1 = ?\nA: So 2.\n", "32"),
        ("arithmetic", "So 0.", "0"),
        ("arithmetic", " So 32", None),
        ("arithmetic", " So 032.", None),
        ("arithmetic", " So -3.", None),
        ("arithmetic", " So ٣٢.", None),
        ("arithmetic", " So 1. So 2.", None),
        ("arithmetic", " So So 2.", None),
        ("arithmetic", " So 2 + 2.", None),
        ("arithmetic", " So __import__('os').", None),
        ("arithmetic", "\n So 2.", None),
        ("arithmetic", " Soda 2.", None),
        ("arithmetic", "", None),
        ("arithmetic", " So " + "9" * 10 + ".", None),
        ("arithmetic", " 1 + 1 = 2." * 1000 + " So 2.", None),
        ("logic", " Ann > Bo. So yes.\n", "yes"),
        ("logic", " So YES.\n", None),
        ("logic", " So yes. no.\n", None),
        ("ciphers", " So e-c-v.\n", "e-c-v"),
        ("ciphers", " So ecv.\n", None),
        ("ciphers", " So " + "a-" * 40 + "a.\n", None),
        ("biographies", " So Velport.\n", "Velport"),
        ("biographies", " So 1951.\n", "1951"),
        ("biographies", " So Paris.\n", None),
        ("biographies", " So <b>.\n", None),
        ("prose", " The fox sees some seed. The", "The fox sees some seed."),
        ("prose", " The fox", None),
        ("prose", "", None),
    ],
)
def test_answers_are_read_strictly(kind: str, text: str, answer: str | None) -> None:
    assert extract_answer(kind, text) == answer
