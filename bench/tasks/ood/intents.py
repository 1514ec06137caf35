"""Intents and topics of texts, some of which no classifier was trained on: from the hub, or from local files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from bench.components import task
from bench.errors import UsageError
from bench.examples import Examples
from bench.field import intents
from bench.field.intents import Said
from bench.field.reading import Hub, converted, rows
from bench.records import Classification
from bench.tasks.ood.wanted import METRICS, SCORES


@task(
    "ood/clinc150",
    needs="classifier",
    yields=Classification,
    source="Larson et al. 2019, An Evaluation Dataset for Intent Classification, arXiv:1909.02027",
    metrics=METRICS,
    scores=SCORES,
)
def ood_clinc150(seed: int, path: str = "", train: str = "", config: str = "plus") -> Examples:
    """Utterances of 150 intents against those out of scope (test split), for `text-classifier:`.

    Classes are the data set's, in its order, without number 42, which says "out of scope".  path, train: local files of
    rows with `text` and `intent`, in place of the hub's.  Out-of-scope rows of the training split are never shown.
    """
    del seed  # the splits are given

    def read(split: str, local: str) -> list[Said]:
        return converted(rows(Hub("clinc/clinc_oos", split, config), local), intents.clinc, "CLINC150")

    fitted = read("train", train) if train or not path else []
    return _against([one for one in fitted if not one.outside], read("test", path), [""] * 150, "clinc150")


@task(
    "ood/rostd",
    needs="classifier",
    yields=Classification,
    source="Gangal et al. 2020 (ROSTD), arXiv:1912.12800; Schuster et al. 2019, arXiv:1810.13327",
    metrics=METRICS,
    scores=SCORES,
)
def ood_rostd(seed: int, path: str = "", train: str = "", outside: str = "") -> Examples:
    """Utterances of 12 intents of alarms, reminders and weather against others that people wrote, `outOfDomain`.

    path: a tab-separated file of test utterances (intent, slots, text), which may hold the others too; outside: a file
    of those alone, such as `OODrelease.tsv`.  train: a file of training utterances.  Classes are the intents of both
    files in the order of their names.
    """
    del seed
    if not path:
        raise UsageError(
            "ood/rostd needs its files", cause="they are on no hub", fix="ood/rostd,path=eval.tsv,train=train.tsv"
        )
    files = [intents.tabbed(Path(file).expanduser()) for file in (path, outside) if file]
    fitted = [one for one in (intents.tabbed(Path(train).expanduser()) if train else []) if not one.outside]
    tested = [one for file in files for one in file]
    known = sorted({str(one.label) for one in (*fitted, *tested) if not one.outside})
    return _against(fitted, tested, known, "rostd")


@task(
    "ood/newsgroups",
    needs="classifier",
    yields=Classification,
    source="Lang 1995, NewsWeeder (20 Newsgroups)",
    metrics=METRICS,
    scores=SCORES,
)
def ood_newsgroups(seed: int, path: str = "", train: str = "", inside: str = "comp+rec+sci") -> Examples:
    """Articles of some of the 20 newsgroups against those of the others (test split).

    inside: the first words of the groups in distribution, joined by +; classes are these groups in the order of their
    names.  The others are told apart by their first word.  path, train: local files of rows with `text`, `label_text`.
    """
    del seed

    def read(split: str, local: str) -> list[Said]:
        return converted(rows(Hub("SetFit/20_newsgroups", split), local), intents.newsgroups, "20 Newsgroups")

    kept = tuple(f"{name}." for name in inside.split("+"))

    def split(said: Sequence[Said]) -> list[Said]:
        there = [one for one in said if one.text.strip()]
        return [Said(one.text, one.label, outside=not str(one.label).startswith(kept)) for one in there]

    fitted = [one for one in split(read("train", train) if train or not path else []) if not one.outside]
    tested = split(read("test", path))
    known = sorted({str(one.label) for one in (*fitted, *tested) if not one.outside})
    return _against(fitted, tested, known, "newsgroups", by_name=True)


def _against(
    train: Sequence[Said], test: Sequence[Said], classes: Sequence[str], name: str, *, by_name: bool = False
) -> Examples:
    """Test texts in distribution and out of it, and training texts where there are any."""
    inside, outside = ([one for one in test if one.outside == flag] for flag in (False, True))
    if not inside or not outside:
        raise UsageError(
            f"ood/{name}: the texts are all {'out of' if outside else 'in'} distribution",
            cause="detection needs both kinds",
            fix="give files with both",
        )
    kinds = sorted({str(one.label).partition(".")[0] for one in outside}) if by_name else ["out of scope"]
    parts = {"inside": intents.examples(inside, classes, name, outside=False)}
    for kind in kinds:
        those = [one for one in outside if not by_name or str(one.label).partition(".")[0] == kind]
        parts[kind] = intents.examples(those, classes, kind, outside=True)
    joined = {"test": Examples.join(parts)}
    if train:
        joined = {"train": intents.examples(train, classes, f"{name}, training", outside=False), **joined}
    return Examples.join(joined)
