"""A child of two that judge a program: `python -I -S party.py ROLE SECONDS MEMORY SOURCE SINK`, its text on stdin.

`program` runs the text, which is not trusted, and then answers calls; `tests` runs the tests, which are, and calls.
Each is locked in by itself, so that neither can reach the other but through the two pipes.  stdin is a JSON object.
Exit codes: 0 the tests came to their end; 1 they did not; 97 it could not be locked in, and nothing was run.
"""

from __future__ import annotations

import json
import os
import sys


def main() -> None:
    """Read, lock, and take the part."""
    role = sys.argv[1]
    seconds, memory, source, sink = map(int, sys.argv[2:])
    sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))  # noqa: PTH100, PTH120 - without pathlib's imports
    import exchange  # type: ignore[import-not-found,unused-ignore]
    import locks  # type: ignore[import-not-found,unused-ignore]

    given = json.loads(sys.stdin.read())
    locks.lock_in(seconds, memory)
    sys.path.pop(0)
    sys.stdin = None
    sys.argv = ["program"]
    sys.setrecursionlimit(5000)
    line = exchange.Line(source, sink)
    space: dict[str, object] = {"__name__": "__main__" if role == "program" else "tests"}
    try:
        if role == "program":
            exec(compile(given["text"], "program", "exec"), space)  # noqa: S102 - what the sandbox is for
            exchange.serve(line, space)
        else:
            exec(compile(given["before"], "before", "exec"), space)  # noqa: S102 - the data set's own text
            caller = exchange.Caller(line)
            space.update({name: exchange.Reference(caller, name) for name in given["names"]})
            exec(compile(given["text"], "tests", "exec"), space)  # noqa: S102 - the data set's own text
    except BaseException:  # noqa: BLE001 - a test that fails, or a program that does
        os._exit(1)
    os._exit(0)


main()
