"""`bench eval --runner ray` on real clusters of two workers: the local runner's bytes, whoever is killed.

Ray talks through sockets, so that the clusters and the commands are processes of their own.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from bench.cli import main
from bench.errors import ExitCode
from tests.end_to_end.command import Ended, bench, environment, runs, words

PLUGIN = Path(__file__).with_name("answering.py")
# One process of the test run has them all: they share a cluster, and the two cores.
pytestmark = pytest.mark.xdist_group("ray")
TOKEN = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": "0" * 64}
CLUSTER = """
import sys, ray
ray.init("local", num_cpus=2, include_dashboard=False, log_to_driver=False, _node_ip_address="127.0.0.1")
print(ray.get_runtime_context().gcs_address, flush=True)
sys.stdin.read()
"""
SUITE = """
name: several
cells:
  - models: [logistic]
    tasks: [calibration/digits]
  - models: [lm-small]
    tasks: [reasoning/arithmetic]
    decoders: [greedy]
"""


@pytest.fixture(scope="session")
def address() -> Iterator[str]:
    """A cluster that outlives its drivers; it ends with the process that started it."""
    process = subprocess.Popen(
        [sys.executable, "-c", CLUSTER], env=environment(RAY_USAGE_STATS_ENABLED="0", **TOKEN),
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
    )  # fmt: skip
    assert process.stdin
    assert process.stdout
    try:
        yield process.stdout.readline().strip()
    finally:
        process.stdin.close()
        process.wait(timeout=60)


@dataclass(frozen=True)
class Traces:
    """Runs of 32 batches of a model that leaves a trace of each, and how such a run ends that nothing befalls."""

    folder: Path
    given: list[str]
    whole: Path

    @property
    def asked(self) -> list[int]:
        """The process that answered each batch so far."""
        file = self.folder / "asked"
        return [int(line) for line in file.read_text().split()] if file.exists() else []


@pytest.fixture(scope="session")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Traces:
    folder = tmp_path_factory.mktemp("traces")
    given = ["-m", f"answering,where={folder},seconds=0.05", *points()]
    assert bench(folder, "eval", *given).code == ExitCode.OK
    return Traces(folder, given, *runs(folder / "runs"))


@pytest.fixture
def traces(undisturbed: Traces) -> Traces:
    """With the traces of earlier tests wiped off."""
    (undisturbed.folder / "asked").unlink(missing_ok=True)
    return undisturbed


def points() -> list[str]:
    return ["-t", "calibration/points", "--plugin", str(PLUGIN), "--batch-size", "2", "--json"]


def on(address: str) -> list[str]:
    return ["--runner", "ray", "--ray-address", address, "--workers", "2"]


def ray(place: Path, address: str, *given: str | Path) -> Ended:
    return bench(place, "eval", *given, *on(address), environ=TOKEN)


def begin(place: Path, traces: Traces, *given: str | Path, **environ: str) -> subprocess.Popen[str]:
    """The command under way, once it has asked something."""
    process = subprocess.Popen(
        words("eval", *traces.given, *given), cwd=place, env=environment(XDG_CACHE_HOME=str(place), **environ),
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    limit = time.monotonic() + 120
    while len(traces.asked) < 3 and process.poll() is None and time.monotonic() < limit:
        time.sleep(0.02)
    return process


def bytes_of(run: Path) -> dict[str, bytes]:
    files = [run / "results.json", *run.glob("cells/*/*")]
    return {str(file.relative_to(run)): file.read_bytes() for file in files}


def same(one: Path, other: Path) -> None:
    first, second = bytes_of(one), bytes_of(other)
    assert first.keys() == second.keys()
    assert [name for name in first if first[name] != second[name]] == []


def kill(process: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(process, signal.SIGKILL)


def gone(process: int) -> bool:
    """Whether a process has ended, within some seconds."""
    limit = time.monotonic() + 30
    while time.monotonic() < limit:
        try:
            state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
        except (FileNotFoundError, ProcessLookupError):
            return True
        if state == "Z":
            return True
        time.sleep(0.05)
    return False


def test_the_bytes_are_those_of_the_local_runner(tmp_path: Path, address: str) -> None:
    (tmp_path / "several.yaml").write_text(SUITE)
    given = ["--suite", "several.yaml", "--limit", "8", "--batch-size", "4", "--json"]
    here, there = bench(tmp_path, "eval", *given, "--out", "here"), ray(tmp_path, address, *given, "--out", "there")
    assert here.code == there.code == ExitCode.OK, there.err
    assert here.out == there.out
    same(*runs(tmp_path / "here"), *runs(tmp_path / "there"))
    assert there.err.startswith("note: 2 workers on 1 node of a Ray cluster, a core each\n")
    assert "ray" not in there.err.lower().replace("ray cluster", "").partition("run: ")[0]


def test_a_worker_is_killed_and_its_work_done_again(tmp_path: Path, address: str, traces: Traces) -> None:
    process = begin(tmp_path, traces, *on(address), **TOKEN)
    kill(traces.asked[-1])
    _, err = process.communicate(timeout=120)
    assert process.returncode == ExitCode.OK, err
    assert "a worker died; what it was asked is asked again" in err
    assert len(traces.asked) > 32 or len(set(traces.asked)) >= 2
    same(traces.whole, *runs(tmp_path / "runs"))


@pytest.mark.slow
def test_the_driver_is_killed_and_either_runner_goes_on(tmp_path: Path, address: str, traces: Traces) -> None:
    process = begin(tmp_path, traces, *on(address), **TOKEN)
    process.kill()
    process.communicate(timeout=60)
    assert all(gone(worker) for worker in set(traces.asked))  # nobody answers a driver that is not there
    (run,) = runs(tmp_path / "runs")
    before = len(traces.asked)
    assert before < 32
    shutil.copytree(run, tmp_path / "copy")
    local = bench(tmp_path, "eval", "--resume", "copy", "--runner", "local", "--json")
    assert local.code == ExitCode.OK, local.err
    there = bench(tmp_path, "eval", "--resume", run, "--json", environ=TOKEN)  # on Ray, as run.json says
    assert there.code == ExitCode.OK, there.err
    assert "2 workers on 1 node of a Ray cluster" in there.err
    same(traces.whole, run)
    same(traces.whole, tmp_path / "copy")


@pytest.mark.slow
def test_samples_that_bring_down_their_process_fail_alone(tmp_path: Path, address: str) -> None:
    above = ["-m", f"deadly,where={tmp_path},above=1.7", *points()]
    ended = ray(tmp_path, address, *above)
    assert ended.code == ExitCode.INCOMPLETE, ended.err
    (run,) = runs(tmp_path / "runs")
    (cell,) = json.loads((run / "run.json").read_text())["cells"]
    assert (cell["status"], cell["n"], cell["n_failed"]) == ("done", 64, 1)
    (failure,) = [json.loads(line) for line in (run / "cells" / cell["name"] / "failed.jsonl").read_text().splitlines()]
    assert failure["reason"].startswith("its worker died 2 times over it")


@pytest.mark.slow
def test_a_model_that_is_not_there_is_told_as_the_local_runner_tells_it(tmp_path: Path, address: str) -> None:
    given = ["-m", "hf:not/there", "-t", "likelihood/prose", "--json"]
    here, there = bench(tmp_path, "eval", *given), ray(tmp_path, address, *given)
    assert here.code == there.code != ExitCode.OK
    assert here.err.splitlines()[-3:] == there.err.splitlines()[-3:]


@pytest.mark.slow
def test_a_model_that_dies_while_it_learns_fails_its_cell_and_not_the_others(tmp_path: Path, address: str) -> None:
    cells = ["-m", f"stillborn,where={tmp_path}", "-m", f"warning,where={tmp_path}", *points()]
    ended = ray(tmp_path, address, *cells)
    assert ended.code == ExitCode.INCOMPLETE, ended.err
    assert ended.err.count("mind the step") == 1
    (run,) = runs(tmp_path / "runs")
    status = {c["model"].partition(",")[0]: c["status"] for c in json.loads((run / "run.json").read_text())["cells"]}
    assert status == {"stillborn": "failed", "warning": "done"}
    assert "3 workers died while they made the model ready" in ended.err


@pytest.mark.slow
def test_an_interrupt_ends_the_cluster_that_was_started_for_the_run(tmp_path: Path, traces: Traces) -> None:
    process = begin(tmp_path, traces, "--runner", "ray", "--workers", "2")
    workers = set(traces.asked)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == ExitCode.INTERRUPTED, err
    assert out == ""
    (run,) = runs(tmp_path / "runs")
    assert err.splitlines()[-1] == f"fix: bench eval --resume {run.relative_to(tmp_path)}"
    assert "Traceback" not in err
    assert all(gone(worker) for worker in workers)
    assert descendants(process.pid) == []


def descendants(process: int) -> list[str]:
    """Processes that still know this one as their session's or group's leader, or name it as their parent."""
    found = subprocess.run(["ps", "-eo", "ppid,pgid,sid,args"], capture_output=True, text=True, check=True).stdout
    return [line for line in found.splitlines()[1:] if str(process) in line.split()[:3]]


@pytest.mark.slow
@pytest.mark.parametrize("victim", ["worker", "driver"])
@pytest.mark.parametrize("moment", [0, 4, 9, 15, 22])
def test_kills_at_any_moment(tmp_path: Path, traces: Traces, victim: str, moment: int) -> None:
    process = begin(tmp_path, traces, "--runner", "ray", "--workers", "2")
    while len(traces.asked) < moment and process.poll() is None:
        time.sleep(0.01)
    workers = set(traces.asked)
    kill(traces.asked[-1] if victim == "worker" else process.pid)
    _, err = process.communicate(timeout=120)
    (run,) = runs(tmp_path / "runs")
    if victim == "driver":
        assert process.returncode == -signal.SIGKILL
        assert all(gone(worker) for worker in workers)
        assert bench(tmp_path, "eval", "--resume", run, "--runner", "local", "--json").code == ExitCode.OK
    else:
        assert process.returncode == ExitCode.OK, err
    same(traces.whole, run)


def test_without_the_extra_it_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    monkeypatch.chdir(tmp_path)
    code = main(["eval", "-m", "logistic", "-t", "calibration/digits", "--runner", "ray"])
    Ended(code, *capsys.readouterr()).told(ExitCode.USAGE, "--runner ray", "pip install 'bench[ray]'")
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (["--workers", "2"], ["--workers is for runs on Ray", "--runner ray"]),
        (["--runner", "ray", "--ray-address", "ray://127.0.0.1:10001"], ["address for Ray's client", "head node"]),
        (["--runner", "ray", "--device", "cuda:1"], ["cannot all have the device 'cuda:1'", "--gpus-per-worker"]),
        (["--runner", "slurm"], ["'runner' cannot be 'slurm'", "local"]),
    ],
)
def test_what_cannot_be_is_refused(tmp_path: Path, given: list[str], told: list[str]) -> None:
    bench(tmp_path, "eval", "-m", "logistic", "-t", "calibration/digits", *given).told(ExitCode.USAGE, *told)
    assert not (tmp_path / "runs").exists()
