"""Texts of a raw pool selected to resemble a target: by importance weights, by a model's likelihood, at random."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from random import Random
from typing import Any

import numpy as np

from bench.arrays import Bools
from bench.components import task
from bench.errors import UsageError
from bench.examples import Examples
from bench.field.reading import Row, converted, files, rows_of
from bench.metrics.selections import CHECK, SOURCE
from bench.procedural import biographies, prose
from bench.records import Selections
from bench.seeds import derive, generator
from bench.stats.ngrams import DSIR, kl_reduction, log_weights, resampled
from bench.tasks.asking import Asked

NAME = "ood/selection"
POOLS, KIN, EACH = 30, 20, 20


@dataclass(frozen=True)
class Pool:
    """Texts to select from, target texts to select by, others to judge by, and which are of the target's kind."""

    raw: tuple[str, ...]
    target: tuple[str, ...]
    held: tuple[str, ...]
    kin: Bools | None = None

    @property
    def facts(self) -> list[str]:
        """All of it as text, for the data's fingerprint."""
        return ["\n".join(part) for part in (self.raw, self.target, self.held)]


@task(
    NAME,
    needs="language",
    yields=Selections,
    source=f"{SOURCE}; texts by bench, procedural",
    papers=(DSIR,),
    check=CHECK,
)
def ood_selection(seed: int, path: str = "", target: str = "", size: int = KIN) -> Examples:
    """Thirty pools of 80 texts, of each 20 to be selected that resemble stories of a meadow.

    There are 20 such stories, stories of a harbour, stories that end there, and lives.  Weights come of 20 stories, and
    20 others judge.  The model is fitted to stories too, where it learns, and selects by its own likelihood.  path,
    target: files of your own with `text`, the pool and the target, half of which judges; that is one pool, so there is
    no interval.  size: texts to be selected.
    """
    if bool(path) != bool(target):
        raise UsageError(f"{NAME} needs two files", cause="a pool and a target", fix=f"{NAME},path=RAW,target=TARGET")
    pools = [_own(path, target, seed)] if path else [_pool(derive(seed, NAME, k)) for k in range(POOLS)]
    if not all(1 <= size <= len(pool.raw) for pool in pools):
        raise UsageError(f"{size} texts can't be selected", cause=f"a pool has {len(pools[0].raw)}", fix="select fewer")
    asker = Asked(partial(ask, pools={f"pool-{k:02d}": pool for k, pool in enumerate(pools)}, size=size))
    learnt = pools[0].target if path else tuple(_stories(2 * KIN, Random(derive(seed, NAME, "learnt"))))
    parts = {
        "train": Examples(
            ids=np.array([f"target-{k:04d}" for k in range(len(learnt))]), inputs=list(learnt), asker=asker
        ),
        "test": Examples(
            ids=np.array([f"pool-{k:02d}" for k in range(len(pools))]),
            inputs=["\n\n".join(pool.facts) for pool in pools],
            asker=asker,
        ),
    }
    return Examples.join(parts)


def _stories(count: int, rng: Random, domain: str = "meadow") -> list[str]:
    return [prose.story(rng, domain) for _ in range(count)]


def _pool(seed: int) -> Pool:
    rng = Random(seed)
    others = [*_stories(EACH, rng, "harbor"), *(biographies.biography(rng).strip() for _ in range(EACH))]
    # Of four sentences all but one are the target's.
    mixed = zip(_stories(EACH, rng), _stories(EACH, rng, "harbor"), strict=True)
    others += [f"{first.rpartition('. ')[0]}. {second.rpartition('. ')[2]}" for first, second in mixed]
    raw = _stories(KIN, rng) + others
    order = generator(seed, "order").permutation(len(raw))
    kin = (np.arange(len(raw)) < KIN)[order]
    return Pool(tuple(raw[k] for k in order), tuple(_stories(KIN, rng)), tuple(_stories(KIN, rng)), kin)


def _own(path: str, target: str, seed: int) -> Pool:
    raw, wanted = (converted(rows_of(files(file)), _text, "texts") for file in (path, target))
    if len(wanted) < 2:
        raise UsageError("the target is one text", cause="half of it is to judge the selection", fix="give more")
    order = generator(seed, NAME, "halves").permutation(len(wanted))
    cut = len(wanted) // 2
    return Pool(tuple(raw), tuple(wanted[k] for k in order[:cut]), tuple(wanted[k] for k in order[cut:]))


def _text(row: Row, _: int) -> str:
    text = str(row["text"])
    if not text.strip():
        raise ValueError("'text' is empty")
    return text


def ask(
    model: Any, _: Any, batch: Examples, seed: int, common: dict[str, Any], *, pools: dict[str, Pool], size: int
) -> Selections:
    """What each pool's selections reduce."""
    rows = []
    for id_ in batch.ids:
        pool = pools[str(id_)]
        own = derive(seed, NAME, str(id_))
        weighted = resampled(log_weights(pool.raw, pool.target, pool.raw), size, own)
        chance = generator(own, "random").permutation(len(pool.raw))[:size]
        scored = model.score([("", text) for text in pool.raw])
        likely = np.argsort([-one.total / max(one.tokens, 1) for one in scored], kind="stable")[:size]
        kin = None if pool.kin is None else np.flatnonzero(pool.kin)
        each = [
            float("nan")
            if chosen is None
            else kl_reduction([pool.held], pool.raw, [pool.raw[k] for k in np.sort(chosen)])
            for chosen in (weighted, chance, likely, kin)
        ]
        rows.append([*each, float("nan") if pool.kin is None else float(pool.kin[weighted].mean())])
    found = np.array(rows).T
    known = all(pool.kin is not None for pool in pools.values())
    return Selections(
        **common,
        weighted=found[0],
        random=found[1],
        likely=found[2],
        best=found[3] if known else None,
        kin=found[4] if known else None,
    )
