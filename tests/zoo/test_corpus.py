"""The training stream: seeded, free of test questions, and packed without loss."""

from __future__ import annotations

from itertools import islice

import numpy as np

from bench.procedural import items, prose
from bench.procedural.biographies import QUESTIONS, registry
from bench.zoo import corpus, tokenizer
from bench.zoo.recipes import RECIPES


def test_the_stream_hangs_on_its_seed_only() -> None:
    first, again, other = (
        [document.text for document in islice(corpus.documents(corpus.EVERYTHING, seed), 200)] for seed in (1, 1, 2)
    )
    assert first == again
    assert first != other


def test_no_test_question_is_in_the_training_text_of_any_recipe() -> None:
    asked = {
        prompt
        for kind in ("arithmetic", "logic", "ciphers")
        for item in items(kind, 300, 0)
        for prompt in (item.prompt, item.direct)
    }
    asked |= {item.prompt for item in items("prose", 300, 0)}
    for recipe in RECIPES.values():
        for document in islice(corpus.documents(recipe.mix, recipe.seed), 3000):
            assert document.prompt not in asked
            if not document.prompt and document.text.count(".") == prose.SENTENCES:
                assert prose.split_story(document.text.rstrip("\n"))[0] not in asked


def test_no_test_wording_about_people_is_in_the_training_text() -> None:
    text = "\n".join(document.text for document in islice(corpus.documents(corpus.EVERYTHING, 1), 20_000))
    people = [person.name for person in registry()[:40]]
    wordings = [wording for group in QUESTIONS["test"].values() for wording in group]
    assert not any(wording.format(name=name) in text for wording in wordings for name in people)
    assert any(wording.format(name=people[0]) in text for wording in QUESTIONS["train"]["city"])


def test_rows_hold_the_documents_one_after_the_other() -> None:
    words = tokenizer.build()
    packed = np.concatenate(list(islice(corpus.rows(words, corpus.EVERYTHING, 4, 64), 40)), axis=1)
    tokens, labels, documents = packed
    texts = [document.text for document in islice(corpus.documents(corpus.EVERYTHING, 4), int(documents[-1]))]
    for number, text in enumerate(texts):
        ids = tokens[documents == number].tolist()
        assert ids[0] == words.token_to_id("<s>")
        assert ids[-1] == words.token_to_id("</s>")
        assert words.decode(ids) == text
    learnt = labels != corpus.IGNORED
    assert (labels[learnt] == tokens[learnt]).all()
    assert 0.3 < learnt.mean() < 0.9


def test_fine_tuning_learns_answers_only() -> None:
    words = tokenizer.build()
    (row,) = islice(corpus.rows(words, corpus.QUESTIONS, 4, 512), 1)
    starts = row[0] == words.token_to_id("<s>")
    assert (row[1][starts] == corpus.IGNORED).all()
