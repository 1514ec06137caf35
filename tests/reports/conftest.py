from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from bench.records import Generations
from bench.reports.build import build
from bench.runners.folder import RunFolder
from bench.runners.wanted import Wanted
from tests.reports import synthetic
from tests.reports.synthetic import HOSTILE, Stored


@pytest.fixture(scope="session")
def run(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """A run with every kind of record and one failed cell, with its reports."""
    path = tmp_path_factory.mktemp("runs") / "synthetic"
    folder = synthetic.make(path, failed={"calibration/lost": "the model has no weights"})
    build(folder)
    return folder


@pytest.fixture(scope="session")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """A run in which every text that a stranger may choose is an attack."""
    path = tmp_path_factory.mktemp("runs") / "hostile"
    texts = (*HOSTILE, "x" * 1_000_000)
    record: Generations = synthetic.generations(1, n=40, texts=texts)
    record = replace(record, ids=np.array([f"{i}{HOSTILE[i % 11][:40]}" for i in range(40)]))
    made: list[Stored] = [
        (text, "reasoning/" + text, text, record, Wanted("reasoning", ("accuracy",))) for text in HOSTILE[:4]
    ]
    scaled = Wanted("calibration", ("ece",), (), ("temperature",))
    far = synthetic.outliers(2, n=40, sets=HOSTILE[:3])
    made += [
        (HOSTILE[2], "ood/" + HOSTILE[9], "", far, Wanted("ood", ("auroc",), ("energy",))),
        (HOSTILE[0], "calibration/" + HOSTILE[1], "", synthetic.classification(3, n=40), scaled),
        (HOSTILE[9], "uncertainty/" + HOSTILE[2], "", synthetic.gaussian(4, n=40), Wanted("uncertainty", ("crps",))),
        (HOSTILE[8], "likelihood/" + HOSTILE[3], "", synthetic.density(5, n=40), Wanted("likelihood")),
    ]
    extra = [
        synthetic.result(
            model=text, task=text, metric=text, unit=text, method=f"none: {text}", low=None, high=None,
            slice=text, decoder=text, calibrator=text, score=text, better="higher",
        )
        for text in HOSTILE
    ]  # fmt: skip
    extra += [synthetic.result(model=text, area=text, task=text, metric=text, unit=text) for text in HOSTILE]
    manifest = {
        "suite": HOSTILE[0], "hardware": {HOSTILE[1]: HOSTILE[8]}, "git": {"commit": HOSTILE[2]},
        "config": {HOSTILE[3]: {"value": HOSTILE[8], "origin": HOSTILE[0]}, "models": {"value": list(HOSTILE)}},
    }  # fmt: skip
    failed = {f"calibration/{text}": text for text in HOSTILE}
    folder = synthetic.make(path, made, failed=failed, manifest=manifest, extra=extra)
    build(folder)
    return folder
