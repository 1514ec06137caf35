"""What a name of the harness stands for: one task, or the tasks of a group or a tag, none of them loaded.

A member that its group changes (other settings, or defined in the group's own file) is another task than the one of
its plain name, and is written GROUP::MEMBER.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.errors import UsageError
from bench.harness.index import LISTING, Entry, entry, lookup
from bench.harness.quiet import quiet

SEPARATOR = "::"


@dataclass(frozen=True)
class Leaf:
    """One task: what it is called on the command line, its file (`None`: defined in a group), and what is changed."""

    target: str
    path: Path | None
    changes: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Branch:
    """A group: its name, its file's `aggregate_metric_list`, and its members in order."""

    name: str
    aggregates: tuple[Mapping[str, Any], ...]
    members: tuple[Branch | Leaf, ...]

    def leaves(self) -> Iterator[Leaf]:
        """All tasks of the group and of the groups within it."""
        for member in self.members:
            if isinstance(member, Leaf):
                yield member
            else:
                yield from member.leaves()

    def branches(self) -> Iterator[Branch]:
        """The group itself and all groups within it."""
        yield self
        for member in self.members:
            if isinstance(member, Branch):
                yield from member.branches()


def resolve(target: str) -> Branch | Leaf:
    """What a name, a file's path or GROUP::MEMBER stands for; a tag is a group without aggregates."""
    head, separator, _ = target.partition(SEPARATOR)
    if separator and lookup(head) is not None:
        tree = resolve(head)
        leaves = list(tree.leaves()) if isinstance(tree, Branch) else []
        found = next((leaf for leaf in leaves if leaf.target == target), None)
        if found is None:
            raise UsageError(
                f"'{head}' has no task '{target}'",
                cause="its tasks are " + (", ".join(leaf.target for leaf in leaves[:5]) or "none"),
                fix=f"bench show task lm-eval:{head}",
            )
        return found
    known = entry(target)
    if known.kind == "task":
        return Leaf(target, known.path)
    if known.kind == "tag":
        return Branch(known.name, (), tuple(_plain(name) for name in known.tasks))
    return _Grouping(target).branch(known, {})


def raw(path: Path, *, functions: bool) -> dict[str, Any]:
    """A YAML file with what it includes; functions: import those that it names, instead of leaving their names."""
    with quiet():
        from lm_eval.tasks._yaml_loader import load_yaml

        try:
            return dict(load_yaml(path, resolve_func=functions))
        except Exception as error:
            raise UsageError(
                f"'{path}' cannot be read", cause=f"{type(error).__name__}: {error}", fix="mend the file"
            ) from error


def _plain(name: str) -> Leaf:
    return Leaf(name, entry(name).path)


@dataclass(frozen=True)
class _Grouping:
    """The members of a group, with settings passed down as the harness's own factory passes them."""

    root: str

    def branch(self, known: Entry, changes: Mapping[str, Any]) -> Branch:
        assert known.path is not None  # noqa: S101 - the index gives every group its file
        return self._branch(known.name, raw(known.path, functions=True), changes)

    def _branch(self, name: str, config: Mapping[str, Any], changes: Mapping[str, Any]) -> Branch:
        from lm_eval.tasks._factory import GROUP_FIELD_NAMES

        passed = {**{k: v for k, v in config.items() if k not in GROUP_FIELD_NAMES}, **changes}
        aggregates = config.get("aggregate_metric_list") or ()
        aggregates = (aggregates,) if isinstance(aggregates, Mapping) else tuple(aggregates)
        items = config.get("task")
        members = [m for item in (items if isinstance(items, list) else []) for m in self._members(item, name, passed)]
        return Branch(name, aggregates, tuple(members))

    def _members(self, item: Any, group: str, passed: Mapping[str, Any]) -> Iterator[Branch | Leaf]:
        if isinstance(item, Mapping) and "group" in item:
            name = str(item["group"])
            known = lookup(name)
            if known is None:
                yield self._branch(f"{group}{SEPARATOR}{name}", item, passed)
            else:
                yield self.branch(known, {**passed, **{k: v for k, v in item.items() if k != "group"}})
            return
        name = str(item.get("task", "")) if isinstance(item, Mapping) else str(item)
        own = {k: v for k, v in item.items() if k != "task"} if isinstance(item, Mapping) else {}
        changes = {**passed, **own}
        known = lookup(name) if name else None
        if known is None:
            if not isinstance(item, Mapping) or len(item) < 2:
                raise UsageError(
                    f"group '{group}' names '{name or item}', which is no task",
                    cause="no task of that name is defined",
                    fix=f"mend the group, or --include-path its folder; {LISTING}",
                )
            yield Leaf(f"{self.root}{SEPARATOR}{name}", None, {**changes, "task": f"{group}{SEPARATOR}{name}"})
        elif known.kind == "group":
            yield self.branch(known, changes)
        elif known.kind == "tag":
            yield from (self._leaf(one, entry(one), changes) for one in known.tasks)
        else:
            yield self._leaf(name, known, changes)

    def _leaf(self, name: str, known: Entry, changes: Mapping[str, Any]) -> Leaf:
        return Leaf(f"{self.root}{SEPARATOR}{name}" if changes else name, known.path, changes)
