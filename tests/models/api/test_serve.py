"""Texts from `transformers serve`, a server that others keep, over the embedded checkpoint."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import httpx
import numpy as np
import pytest

from bench.capabilities import Machine
from bench.errors import UsageError
from bench.language import Draw
from bench.models.api.adapter import Api, api
from bench.models.hf.adapter import hf
from tests.models.api.brain import CHECKPOINT

needed = [package for package in ("accelerate", "fastapi", "openai", "uvicorn") if find_spec(package) is None]
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(bool(needed), reason=f"transformers serve needs {needed}: pip install 'bench[serving]'"),
]
DRAWS = [Draw(f"Q: {k} +", 0, max_tokens=24) for k in range(3)]


@pytest.fixture(scope="module")
def base_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    log = tmp_path_factory.mktemp("serve") / "log"
    command = [Path(sys.executable).with_name("transformers"), "serve", CHECKPOINT, "--device", "cpu", "--dtype",
               "float32", "--host", "127.0.0.1", "--port", str(port)]  # fmt: skip
    environ = {**os.environ, "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1", "HF_HUB_CACHE": str(log.parent)}
    with (
        log.open("w") as out,
        subprocess.Popen(list(map(str, command)), stdout=out, stderr=out, env=environ) as process,
    ):
        try:
            end = time.monotonic() + 120
            while True:
                try:
                    httpx.get(f"http://127.0.0.1:{port}/health", trust_env=False).raise_for_status()
                    break
                except httpx.HTTPError:
                    assert process.poll() is None, log.read_text()
                    assert time.monotonic() < end, log.read_text()
                    time.sleep(0.2)
            yield f"http://127.0.0.1:{port}/v1"
        finally:
            process.kill()


def made(base_url: str, endpoint: str = "completions") -> Api:
    return api(str(CHECKPOINT), machine=Machine(), base_url=base_url, endpoint=endpoint, deadline=60.0)


def test_greedy_texts_are_those_of_the_model_in_memory(base_url: str) -> None:
    model = made(base_url)
    model.fingerprint()
    theirs = hf(str(CHECKPOINT), machine=Machine(), dtype="float32").generate(DRAWS)
    for one, other in zip(model.generate(DRAWS), theirs, strict=True):
        assert (one.text, len(one.logprobs), one.stopped) == (other.text, len(other.logprobs), other.stopped)
    # It samples only where the checkpoint's own settings say so, whatever the temperature: that is its word.
    drawn = model.generate([Draw("Q: 7 +", seed, 1.0, max_tokens=12) for seed in range(3)])
    assert all(np.isnan(text.logprobs).all() and len(text.logprobs) for text in drawn)


def test_it_tells_no_log_probabilities_of_given_texts(base_url: str) -> None:
    with pytest.raises(UsageError, match="gives no log-probabilities of given texts"):
        made(base_url).score([("Q: 7 +", " 5")])


def test_a_model_without_a_chat_template_is_told(base_url: str) -> None:
    with pytest.raises(Exception, match="error: ") as caught:
        made(base_url, "chat").fingerprint()
    assert len(str(caught.value).splitlines()) == 3
