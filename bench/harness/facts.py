"""What a task or a group of the harness is, told from its file alone: no data are fetched."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

from bench.harness import index
from bench.harness.members import Branch, Leaf, raw, resolve
from bench.harness.tasks import SOURCE, examples_of
from bench.specs import parse

_SETTINGS = (
    "output_type",
    "dataset_path",
    "dataset_name",
    "test_split",
    "validation_split",
    "training_split",
    "fewshot_split",
    "num_fewshot",
    "doc_to_text",
    "doc_to_target",
    "doc_to_choice",
    "generation_kwargs",
    "repeats",
)


def facts(name: str) -> dict[str, Any]:
    """The entry of `bench show task lm-eval:NAME`, JSON-ready."""
    spec = parse(name)
    tree = resolve(spec.target or "")
    common = {"name": f"{spec.name}:{spec.target}", "source": SOURCE}
    parameters = {
        p.name: "none" if p.default is None else p.default
        for p in inspect.signature(examples_of).parameters.values()
        if p.kind is p.KEYWORD_ONLY
    }
    if isinstance(tree, Leaf):
        return {"kind": "task", **common, **_of_leaf(tree), "parameters": parameters}
    leaves = list(tree.leaves())
    return {
        "kind": f"task {index.entry(tree.name).kind}",
        **common,
        "tasks": [f"{spec.name}:{leaf.target}" for leaf in leaves],
        "aggregates": [_aggregate(branch, one) for branch in tree.branches() for one in branch.aggregates],
        "parameters": parameters,
    }


def _of_leaf(leaf: Leaf) -> dict[str, Any]:
    config = {**(raw(leaf.path, functions=False) if leaf.path else {}), **leaf.changes}
    metadata = config.get("metadata")
    return {
        "where": index.where(index.entry(leaf.target)) if "::" not in leaf.target else str(leaf.path or "in its group"),
        "version": str(metadata.get("version", "")) if isinstance(metadata, Mapping) else "",
        "tags": config.get("tag") or "",
        **{key: _plain(config[key]) for key in _SETTINGS if config.get(key) not in (None, "")},
        "metrics": [_plain(one.get("metric", "")) for one in config.get("metric_list") or ()],
        "filters": [str(one.get("name", "")) for one in config.get("filter_list") or ()],
    }


def _aggregate(branch: Branch, one: Mapping[str, Any]) -> str:
    way = "by size" if one.get("weight_by_size", True) else "each task alike"
    return f"{one.get('metric')} over {branch.name}, {way}"


def _plain(value: Any) -> Any:
    if isinstance(value, str | int | float | bool):
        return value
    return [_plain(one) for one in value] if isinstance(value, list | tuple) else str(value)
