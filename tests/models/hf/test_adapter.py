"""Loading checkpoints: what is read, what names it, and what is said when something is wrong."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from bench.capabilities import Fingerprinted, Machine
from bench.errors import BenchError, EvaluationError, UsageError
from bench.language import Draw, LanguageModel
from bench.models import lm
from bench.models.hf.adapter import HuggingFace, hf
from tests.models import tiny

REQUESTS = [("The owl", " wants that nest."), ("", "Ann is taller than Bo."), ("Q:", " 7")]


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny.save(tmp_path_factory.mktemp("checkpoint"))


@pytest.fixture
def folder(saved: Path, tmp_path: Path) -> Path:
    for path in saved.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    return tmp_path


def refused(make: HuggingFace) -> BenchError:
    with pytest.raises(BenchError) as caught:
        make.score([("a", "b")])
    assert len(str(caught.value).splitlines()) == 3
    return caught.value


def test_a_checkpoint_gives_what_the_model_in_memory_gives(saved: Path) -> None:
    model = hf(str(saved), machine=Machine(offline=True))
    assert isinstance(model, LanguageModel)
    assert isinstance(model, Fingerprinted)
    made = tiny.loaded()
    with torch.no_grad():
        for parameter in made.model.parameters():  # the file holds float16
            parameter.copy_(parameter.half())
    for ours, theirs in zip(model.score(REQUESTS), HuggingFace(made).score(REQUESTS), strict=True):
        np.testing.assert_allclose(ours.logprobs, theirs.logprobs, rtol=0, atol=1e-9)
    assert model.generate([Draw("The", 1, 1.0)])[0].text == HuggingFace(made).generate([Draw("The", 1, 1.0)])[0].text


def test_making_one_reads_nothing() -> None:
    hf("/nowhere/at/all", machine=Machine())


@pytest.mark.parametrize(
    ("asked", "machine", "expected"),
    [("auto", "auto", torch.float64), ("fp32", "auto", torch.float32), ("auto", "bf16", torch.bfloat16)],
)
def test_the_dtype_is_the_spec_s_then_the_machine_s(saved: Path, asked: str, machine: str, expected: Any) -> None:
    model = hf(str(saved), machine=Machine(dtype=machine), dtype=asked)
    assert model._open().loaded.model.dtype == expected


def test_tables_stay_exact_in_low_precision(saved: Path) -> None:
    wide, narrow = (hf(str(saved), machine=Machine(), dtype=d)._open().loaded.model for d in ("float64", "bfloat16"))
    tables = [model.model.rotary_emb.inv_freq.double() for model in (wide, narrow)]
    assert torch.equal(*tables)


def test_low_precision_changes_scores_a_little(saved: Path) -> None:
    wide, narrow = (hf(str(saved), machine=Machine(), dtype=d).score(REQUESTS)[0] for d in ("auto", "bfloat16"))
    assert 0 < np.abs(wide.logprobs - narrow.logprobs).max() < 0.2


def test_the_fingerprint_changes_with_the_weights_and_how_they_are_asked(folder: Path) -> None:
    machine = Machine()
    first = hf(str(folder), machine=machine).fingerprint()
    assert first == hf(str(folder), machine=machine).fingerprint()
    json.dumps(first)
    others = [
        hf(str(folder), machine=machine, dtype="float32").fingerprint(),
        hf(str(folder), machine=machine, chat_template=True).fingerprint(),
        hf(str(folder), machine=machine, stride=8).fingerprint(),
    ]
    weights = folder / "model.safetensors"
    stat = weights.stat()
    data = bytearray(weights.read_bytes())
    data[-1] ^= 1
    weights.write_bytes(bytes(data))
    os.utime(weights, ns=(stat.st_atime_ns, stat.st_mtime_ns + 1))
    others.append(hf(str(folder), machine=machine).fingerprint())
    assert all(other != first for other in others)


def test_a_model_in_memory_is_named_by_its_tensors() -> None:
    made = tiny.loaded()
    first = HuggingFace(made).fingerprint()
    assert first == HuggingFace(tiny.loaded()).fingerprint()
    with torch.no_grad():
        made.model.lm_head.weight[0, 0] += 1e-9
    assert HuggingFace(made).fingerprint() != first


def test_no_such_folder() -> None:
    error = refused(hf("./nowhere", machine=Machine()))
    assert isinstance(error, UsageError)
    assert "no such folder" in error.cause


def test_a_file_is_no_folder(saved: Path) -> None:
    assert refused(hf(str(saved / "config.json"), machine=Machine())).cause == "it is a file"


def test_a_folder_without_a_checkpoint(tmp_path: Path) -> None:
    assert "no config.json" in refused(hf(str(tmp_path), machine=Machine())).cause
    with pytest.raises(UsageError, match="is no checkpoint"):
        hf(str(tmp_path), machine=Machine()).fingerprint()


def test_what_failed_to_load_is_not_tried_again(folder: Path) -> None:
    for path in folder.glob("tokenizer*"):
        path.unlink()
    model = hf(str(folder), machine=Machine())
    first = refused(model)
    for path in folder.iterdir():
        path.unlink()
    assert refused(model) is first


def test_other_weight_formats_are_read_only_on_request(folder: Path) -> None:
    expected = hf(str(folder), machine=Machine()).score(REQUESTS)
    from safetensors.torch import load_file

    torch.save(load_file(folder / "model.safetensors"), folder / "pytorch_model.bin")
    (folder / "model.safetensors").unlink()
    error = refused(hf(str(folder), machine=Machine()))
    assert "no safetensors" in error.what
    assert "safetensors=false" in error.fix
    got = hf(str(folder), machine=Machine(), safetensors=False).score(REQUESTS)
    for ours, theirs in zip(got, expected, strict=True):
        np.testing.assert_allclose(ours.logprobs, theirs.logprobs, rtol=0, atol=1e-9)


def test_no_tokenizer(folder: Path) -> None:
    for path in folder.glob("tokenizer*"):
        path.unlink()
    assert "no tokenizer" in refused(hf(str(folder), machine=Machine())).what


def test_torn_weights(folder: Path) -> None:
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:1000])
    assert "can't be loaded" in refused(hf(str(folder), machine=Machine())).what


def test_missing_tensors_are_never_filled_with_noise(folder: Path) -> None:
    from safetensors.torch import load_file, save_file

    tensors = load_file(folder / "model.safetensors")
    name = next(name for name in tensors if "layers.1.mlp" in name)
    del tensors[name]
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    error = refused(hf(str(folder), machine=Machine()))
    assert "incomplete" in error.what
    assert name in error.cause


def test_a_model_of_another_kind(folder: Path) -> None:
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "model_type": "vit", "architectures": ["ViTModel"]}))
    assert "no causal language model" in refused(hf(str(folder), machine=Machine())).what


def test_a_checkpoint_s_own_code_stays_off(folder: Path) -> None:
    config = json.loads((folder / "config.json").read_text())
    code = {"AutoConfig": "own.Config", "AutoModelForCausalLM": "own.Model"}
    (folder / "config.json").write_text(json.dumps({**config, "model_type": "mine", "auto_map": code}))
    (folder / "own.py").write_text("raise SystemExit('ran')\n")
    assert "--trust-remote-code" in refused(hf(str(folder), machine=Machine())).fix


def test_hub_names_without_a_network(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    for offline in (True, False):  # the tests' sockets are blocked
        error = refused(hf("some-organisation/some-model", machine=Machine(offline=offline)))
        assert isinstance(error, EvaluationError)
        assert "hf download some-organisation/some-model" in error.fix
        assert ("offline" in error.cause) == offline


def test_a_cached_hub_model_is_named_by_its_commit(
    saved: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    import huggingface_hub

    commit = "0123456789abcdef0123456789abcdef01234567"
    asked: dict[str, Any] = {}

    def snapshot(name: str, **options: Any) -> str:
        asked.update(options, name=name)
        folder = tmp_path / "models--a--b" / "snapshots" / commit
        folder.mkdir(parents=True, exist_ok=True)
        for path in saved.iterdir():
            (folder / path.name).write_bytes(path.read_bytes())
        return str(folder)

    monkeypatch.setattr(huggingface_hub, "snapshot_download", snapshot)
    model = hf("a/b", machine=Machine(offline=True), revision="v2")
    assert model.fingerprint()["commit"] == commit
    assert (asked["name"], asked["revision"], asked["local_files_only"]) == ("a/b", "v2", True)
    assert "*.safetensors" in asked["allow_patterns"]
    assert not {"*.bin", "*.py"} & set(asked["allow_patterns"])
    assert len(model.score(REQUESTS)) == 3


def test_bad_words_are_refused_at_once(saved: Path) -> None:
    with pytest.raises(UsageError, match="unknown dtype 'float31'"):
        hf(str(saved), machine=Machine(), dtype="float31")
    with pytest.raises(UsageError, match="can't be negative"):
        hf(str(saved), machine=Machine(), stride=-1)
    assert "no device" in refused(hf(str(saved), machine=Machine(device="quantum"))).what
    if not torch.cuda.is_available():
        assert "no CUDA device" in refused(hf(str(saved), machine=Machine(device="cuda"))).cause


def test_embedded_names_load_the_packaged_folder(saved: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(lm, "CHECKPOINTS", tmp_path)
    with pytest.raises(UsageError, match="checkpoint of 'lm-small' is missing"):
        lm.lm_small(machine=Machine())
    (tmp_path / "lm-small").symlink_to(saved)
    assert len(lm.lm_small(machine=Machine()).score(REQUESTS)) == 3
