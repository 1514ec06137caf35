"""A run seen from outside, while it is written, after it ended, and after its writer died."""

from __future__ import annotations

import http.client
import threading
from pathlib import Path

import numpy as np
import pytest

from bench.errors import UsageError
from bench.records import Classification
from bench.runners.folder import RunFolder
from bench.viewing import page, serving
from bench.watching import Tail, look
from tests.reports import synthetic


def record(n: int) -> Classification:
    return Classification(ids=synthetic.ids(n), labels=np.zeros(n, dtype=int), logits=np.eye(3)[np.zeros(n, dtype=int)])


def test_samples_are_counted_as_they_come(tmp_path: Path) -> None:
    entry = synthetic.entry("m", "calibration/x", "", "classification", batch=4)
    answers, tail = record(8), Tail()
    with RunFolder.create(tmp_path / "run", synthetic.MANIFEST) as run:
        run.update_cell(entry)
        assert look(tmp_path / "run", tail).cells[0].state == "planned"
        with run.journal(entry.name, answers.ids) as journal:
            journal.append(0, answers.take(np.arange(3)), {str(answers.ids[3]): "no answer"})
            state = look(tmp_path / "run", tail)
            assert (state.cells[0].state, state.cells[0].answered, state.cells[0].failed) == ("asking", 4, 1)
            assert state.written
            assert not state.finished
            journal.append(1, answers.take(np.arange(4, 8)))
            assert look(tmp_path / "run", tail).cells[0].answered == 8
            run.compact(entry, journal)
        assert look(tmp_path / "run", tail).cells[0].state == "done"
        run.finish()
    state = look(tmp_path / "run", tail)
    assert (state.finished, state.written, state.done) == (True, False, 1)
    assert next(state.as_lines()) == "1 of 1 cells; 8 samples answered"


def test_a_dead_writer_is_noticed(tmp_path: Path) -> None:
    RunFolder.create(tmp_path / "run", synthetic.MANIFEST).close()
    (tmp_path / "run" / "run.lock").write_text('{"pid": 1, "host": "gone"}')
    assert not look(tmp_path / "run", Tail()).written


def test_the_report_is_made_where_it_is_missing(tmp_path: Path) -> None:
    from bench.runners.wanted import Wanted

    cells: list[synthetic.Stored] = [("f", "likelihood/r", "", synthetic.density(1), Wanted("likelihood"))]
    run = synthetic.make(tmp_path / "run", cells)
    assert page(run.path) == run.path / "report.html"
    assert page(run.path).is_file()
    with pytest.raises(UsageError, match="nothing to view"):
        page(tmp_path)


@pytest.mark.allow_hosts(["127.0.0.1"])
@pytest.mark.enable_socket
def test_the_server_gives_reports_to_this_machine_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "report.html").write_text("<p>here")
    (tmp_path / "site" / "run.lock").write_text("x")
    (tmp_path / "secret.html").write_text("<p>not here")
    with serving(tmp_path / "site", 0) as server:
        assert server.server_address[0] == "127.0.0.1"
        threading.Thread(target=server.serve_forever, daemon=True).start()

        def asked(path: str, host: str = "127.0.0.1:80") -> int:
            connection = http.client.HTTPConnection("127.0.0.1", server.server_address[1], timeout=10)
            connection.request("GET", path, headers={"Host": host})
            return connection.getresponse().status

        assert asked("/report.html") == 200
        assert asked("/report.html", "evil.example:80") == 404
        assert [asked(p) for p in ("/", "/run.lock", "/../secret.html", "/%2e%2e/secret.html")] == [404] * 4
        server.shutdown()
    with pytest.raises(UsageError, match="cannot be had"):
        serving(tmp_path, 70000)
