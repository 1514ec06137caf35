"""Programs to be written: the question, and the tests that a completion must pass, run in the sandbox."""

from __future__ import annotations

import json
import re
from functools import lru_cache

from bench.field.items import Written
from bench.field.reading import Row
from bench.sandbox import Tests
from bench.sandbox import passes as judged

_FENCE = re.compile(r"```(?:python|py)?[ \t]*\n(.*?)(?:```|\Z)", re.DOTALL)
_LONGEST = 20_000


def humaneval(row: Row, _: int) -> Written:
    """task_id, prompt, test, entry_point (Chen et al. 2021)."""
    tests = f"{row['test']}\ncheck({row['entry_point']})\n"
    target = json.dumps({"before": row["prompt"], "after": tests, "entry": row["entry_point"]})
    return Written(str(row["prompt"]), target, id=str(row["task_id"]))


def mbpp(row: Row, _: int) -> Written:
    """Text (or prompt), test_list, task_id, test_setup_code or test_imports (Austin et al. 2021)."""
    tests = [str(test) for test in row["test_list"]]
    if not tests:
        raise ValueError("'test_list' is empty")
    setup = "\n".join(row["test_imports"]) if row.get("test_imports") else str(row.get("test_setup_code") or "")
    ask = row["text"] if "text" in row else row["prompt"]
    shown = "\n".join(tests)
    prompt = f'"""\n{ask}\nIt must pass these tests:\n{shown}\n"""\n'
    target = json.dumps({"before": "", "after": f"{setup}\n{shown}\n", "entry": ""})
    return Written(prompt, target, id=str(row["task_id"]))


def read_code(text: str) -> str | None:
    """The program in a text: the first fenced block, or the text itself; `None` where there is none."""
    text = text[:_LONGEST]
    fenced = _FENCE.search(text)
    code = (fenced[1] if fenced else text).rstrip()
    return code if code.strip() else None


def passes(answer: str, target: str) -> bool:
    """Whether the completion passes the tests of the target (see `humaneval`, `mbpp`), which run apart from it."""
    asked = json.loads(target)
    entry = asked["entry"]
    whole = entry and re.search(rf"^def {re.escape(entry)}\b", answer, re.MULTILINE)
    # A whole function stands by itself, after the imports and helpers of the prompt; a completion goes on from it.
    before = asked["before"].partition(f"def {entry}")[0] if whole else asked["before"]
    # Tests may use what the prompt defines, as the prompt defines it.
    return _passed(f"{before}{answer}", Tests(asked["after"], asked["before"], (entry,) if entry else ()))


@lru_cache(maxsize=100_000)
def _passed(program: str, tests: Tests) -> bool:
    return judged(program, tests)
