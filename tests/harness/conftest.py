"""Where the tasks of these tests are found, and where `datasets` may write."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from bench.harness import index

ROOT = Path(__file__).parents[2]
TASKS = ROOT / "tests" / "harness" / "tasks"
CHECKPOINT = ROOT / "bench" / "zoo" / "checkpoints" / "lm-base"


@pytest.fixture(autouse=True, scope="package")
def _local(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """The tests' own tasks alone, a cache of their own, and paths from the root of the project."""
    import datasets
    import huggingface_hub

    with pytest.MonkeyPatch.context() as patch:
        cache = tmp_path_factory.mktemp("cache")
        patch.setenv("XDG_CACHE_HOME", str(cache))
        patch.setattr(datasets.config, "HF_HUB_OFFLINE", True)
        patch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
        patch.setattr(datasets.config, "HF_DATASETS_CACHE", cache / "datasets")
        patch.setattr(index, "_INCLUDED", [TASKS])
        (cache / "lm_eval" / "tasks").mkdir(parents=True)
        patch.setattr(index, "package", lambda: cache / "lm_eval")  # indexing its 14,000 files takes half a minute
        patch.chdir(ROOT)
        yield
