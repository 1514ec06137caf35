"""Finding a task by its name: the index, what makes it stale, and what mends it."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from bench.errors import UsageError
from bench.harness import index, members
from bench.harness.members import Branch, Leaf
from tests.harness.conftest import TASKS


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of tasks, and a cache of its own."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    tasks = tmp_path / "tasks"
    tasks.mkdir()
    (tasks / "one.yaml").write_text("task: one\ntag: several\n")
    (tasks / "two.yaml").write_text("task: two\ntag: several\n")
    (tasks / "both.yaml").write_text("group: both\ntask: [one, two]\n")
    monkeypatch.setattr(index, "_INCLUDED", [tasks])
    index._read_or_build.cache_clear()
    return tasks


def builds(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The folders that were indexed anew."""
    built: list[Path] = []
    build = index._built
    monkeypatch.setattr(index, "_built", lambda root: built.append(root) or build(root))  # type: ignore[func-returns-value]
    return built


def test_names_lead_to_their_files(folder: Path) -> None:
    assert index.entry("one") == index.Entry("one", "task", str(folder / "one.yaml"))
    assert index.entry("both").kind == "group"
    assert index.entry("several").tasks == ("one", "two")
    assert index.where(index.entry("several")) == "2 tasks"


def test_the_index_is_read_back_and_made_again_when_a_file_changes(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    built = builds(monkeypatch)
    index.entry("one")
    index._read_or_build.cache_clear()  # as in another process
    index.entry("two")
    assert built == [folder]
    (folder / "one.yaml").write_text("task: another_name\n")
    assert index.entry("another_name").kind == "task"
    assert built == [folder, folder]
    before = (folder / "two.yaml").stat()
    os.utime(folder / "two.yaml", ns=(before.st_atime_ns, before.st_mtime_ns + 1))
    index.entry("two")
    assert len(built) == 3


@pytest.mark.parametrize("content", ["", "{", "[]", '{"state": 1}', '{"rows": [["one"]]}', "\x00\xff"])
def test_a_broken_index_is_made_again(folder: Path, content: str, monkeypatch: pytest.MonkeyPatch) -> None:
    index.entry("one")
    path = index.cache_file(folder)
    whole = path.read_text()
    path.write_text(content)
    index._read_or_build.cache_clear()
    assert index.entry("one").kind == "task"
    assert path.read_text() == whole
    rows = json.loads(whole)
    path.write_text(
        json.dumps({**rows, "rows": [[name, "nothing", file, tags] for name, _, file, tags in rows["rows"]]})
    )
    index._read_or_build.cache_clear()
    assert index.entry("one").kind == "task"


def test_a_cache_that_cannot_be_written_is_no_error(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(folder / "one.yaml"))
    assert index.entry("one").kind == "task"


def test_a_later_folder_hides_an_earlier_one(folder: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    (other / "mine.yaml").write_text("task: one\n")
    index.include((other,))
    assert index.entry("one").path == other / "mine.yaml"
    assert index.entry("two").path == folder / "two.yaml"


def test_folders_and_files_that_are_none_are_refused(folder: Path) -> None:
    with pytest.raises(UsageError, match="no such folder"):
        index.include((folder / "nowhere",))
    with pytest.raises(UsageError, match="no task in"):
        index.entry(str(folder / "none.yaml"))
    (folder / "empty.yaml").write_text("metric: acc\n")
    with pytest.raises(UsageError, match="holds no task"):
        index.entry(str(folder / "empty.yaml"))
    index.include((folder,))
    assert index.included() == (folder,)


def test_a_file_needs_no_index(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    built = builds(monkeypatch)
    assert members.resolve(str(folder / "one.yaml")) == Leaf(str(folder / "one.yaml"), folder / "one.yaml")
    assert built == []


def test_a_group_is_taken_apart_as_the_harness_does() -> None:
    # The group's own file is enough: nothing is loaded.
    tree = members.resolve(str(TASKS / "people" / "group.yaml"))
    assert isinstance(tree, Branch)
    assert [leaf.target.rpartition("/")[2] for leaf in tree.leaves()] == [
        "people_words",
        "people_letters",
        "group.yaml::people_few",
        "people_several",
    ]
    changed = list(tree.leaves())[2]
    assert changed.changes == {"task_alias": "with one shot", "num_fewshot": 1}
    assert [branch.name for branch in tree.branches()] == ["people", "people::people_asked_otherwise"]
    again = members.resolve(changed.target)
    assert again == changed


def test_a_tag_is_its_tasks() -> None:
    tree = members.resolve("people_tag")
    assert isinstance(tree, Branch)
    assert [leaf.target for leaf in tree.leaves()] == ["people_letters", "people_words"]
    assert tree.aggregates == ()
