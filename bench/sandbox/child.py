"""The child's side: `python -I -S child.py SECONDS MEMORY PIPE`, a program on stdin, then it is locked in and runs it.

Exit codes: 0 the program ended; 1 it raised; 97 it could not be locked in, and nothing was run.  The
descriptor PIPE gets the word with which stdin begins, and only after the program has come
to its end.
"""

from __future__ import annotations

import os
import sys
import traceback


def main() -> None:
    """Read, lock, run, and say that the end was reached."""
    seconds, memory, pipe = map(int, sys.argv[1:])
    sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))  # noqa: PTH100, PTH120 - without pathlib's imports
    import locks  # type: ignore[import-not-found,unused-ignore]

    word, _, text = sys.stdin.read().partition("\n")
    locks.lock_in(seconds, memory)
    sys.path.pop(0)
    sys.stdin = None
    sys.argv = ["program"]
    try:
        exec(compile(text, "program", "exec"), {"__name__": "__main__"})  # noqa: S102 - what the sandbox is for
    except SystemExit:  # leaving early is not an end: tests that follow were never reached
        os._exit(1)
    except BaseException:  # noqa: BLE001 - whatever it raises is its answer
        sys.stderr.write(traceback.format_exc(limit=3)[-2000:])
        sys.stderr.flush()
        os._exit(1)
    sys.stdout.flush()
    os.write(pipe, word.encode())
    os._exit(0)


main()
