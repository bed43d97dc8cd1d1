"""Ingredients and soups are run once, charged once, and never trusted when anything changed."""

import json
import os
import signal
from pathlib import Path

import numpy as np
import pytest
import torch
from helpers.processes import options
from helpers.small import SAMPLES, Network, clouds, make_pool, task
from safetensors.torch import load_file, save_file

import radin
from benchmarks.faults.nursery import Nursery, Stop
from radin.common.files import fingerprint_of
from radin.errors import DataError, IncompatibleError, RunDirError, TaskError
from radin.evaluation.evaluator import Evaluator
from radin.evaluation.run_folder import RunFolder


def evaluator(paths: list[Path], folder: RunFolder, **settings) -> Evaluator:
    """With all rows selecting, so that arrays hold them all."""
    return Evaluator(radin.Pool(paths), task(**{"holdback": 0.0} | settings), folder)


@pytest.fixture
def folder(tmp_path: Path):
    with RunFolder(tmp_path / "run") as opened:
        yield opened


@pytest.fixture
def again(folder: RunFolder):
    """Opens the run folder anew, as another process would."""

    def reopened() -> RunFolder:
        folder.close()
        opened.append(RunFolder(folder.path))
        return opened[-1]

    opened: list[RunFolder] = []
    yield reopened
    for one in opened:
        one.close()


def test_logits_are_those_of_a_plain_network(checkpoints: list[Path], folder: RunFolder, device: str) -> None:
    bank = evaluator(checkpoints, folder, device=device).collect()
    network, (x, y) = Network(), clouds(SAMPLES, 1)
    for i, path in enumerate(checkpoints):
        network.load_state_dict(load_file(path))
        with torch.inference_mode():
            expected = network(x).numpy()
        np.testing.assert_allclose(bank.read(i, 0, SAMPLES), expected, rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(bank.labels, y.numpy())
    assert bank.names == tuple(path.stem for path in checkpoints)


def test_one_more_model_costs_one_pass(tmp_path: Path, folder: RunFolder) -> None:
    paths = make_pool(tmp_path / "pool", 4)
    evaluator(paths[:3], folder).collect()
    assert folder.ledger.count("pass") == 3
    evaluator(paths, folder).collect()
    assert folder.ledger.count("pass") == 4
    evaluator(paths[1:], folder).collect()
    assert folder.ledger.count("pass") == 4


def test_the_folder_of_logits_is_a_bank(checkpoints: list[Path], folder: RunFolder) -> None:
    bank = evaluator(checkpoints, folder).collect()
    read = radin.LogitBank.from_folder(folder.path / "logits", samples="all")
    assert read.names == bank.names
    np.testing.assert_array_equal(read.logits(2), bank.logits(2))


def test_the_folder_of_logits_is_a_bank_of_the_samples_that_select(checkpoints: list[Path], folder: RunFolder) -> None:
    bank = evaluator(checkpoints, folder, holdback=0.2).collect()
    read = radin.LogitBank.from_folder(folder.path / "logits")
    np.testing.assert_array_equal(read.labels, task().rows.labels[task().split[0]])
    np.testing.assert_array_equal(read.logits(2), bank.logits(2))
    with pytest.raises(DataError, match="samples that select alone"):
        radin.LogitBank.from_folder(folder.path / "logits", samples="all")


@pytest.mark.parametrize("settings", [{"samples": SAMPLES - 1}, {"forward": lambda network, x: 2 * network(x)}])
def test_other_data_or_code_are_another_run(checkpoints: list[Path], folder: RunFolder, settings: dict) -> None:
    evaluator(checkpoints, folder).collect()
    with pytest.raises(RunDirError, match=r"made with other inputs: the (data|task code) differs"):
        evaluator(checkpoints, folder, **settings).collect()
    assert folder.ledger.count("pass") == len(checkpoints)


def test_a_folder_without_a_completed_pass_takes_other_inputs_and_forgets_the_first(
    tmp_path: Path, folder: RunFolder
) -> None:
    def forward(network: torch.nn.Module, x: torch.Tensor) -> torch.Tensor:
        if len(x) > 40:
            raise torch.OutOfMemoryError("CUDA out of memory")
        if len(x) == SAMPLES % 32:  # the last batch, once the batch size has been halved
            raise ValueError("not yet written")
        return network(x)

    paths = make_pool(tmp_path / "pool", 4)
    with pytest.raises(TaskError, match="not yet written"):
        evaluator(paths[:3], folder, forward=forward).collect()
    assert (folder.ledger.count("pass", "lost"), folder.batch_size) == (1, 32)
    known = folder.fingerprints
    mended = evaluator(paths[1:], folder, samples=SAMPLES - 1)
    assert mended.collect().n_samples == SAMPLES - 1
    assert mended.batch_size == task().batch_size
    assert (folder.ledger.count("pass"), folder.ledger.count("pass", "lost")) == (3, 0)
    assert known.items() <= folder.fingerprints.items()
    with pytest.raises(RunDirError, match="made with other inputs"):
        evaluator(paths[:3], folder, forward=forward).collect()


def test_a_pass_that_was_complete_when_its_process_was_killed_binds_the_folder(
    nursery: Nursery, checkpoints: list[Path], tmp_path: Path
) -> None:
    run, complete = tmp_path / "run", Stop("SIGKILL", before="os.remove */logits/.index.json.*.part")
    assert nursery.radin(*options(checkpoints, run), stop=complete).status == -signal.SIGKILL
    with RunFolder(run) as folder:
        assert folder.ledger.count("pass") == 0
        with pytest.raises(RunDirError, match="the data differs"):
            evaluator(checkpoints, folder, samples=SAMPLES - 1).collect()
        assert (folder.ledger.count("pass"), folder.ledger.count("pass", "lost")) == (1, 0)


def test_a_changed_checkpoint_is_another_run(tmp_path: Path, folder: RunFolder) -> None:
    paths = make_pool(tmp_path / "pool", 3)
    evaluator(paths, folder).collect()
    changed = load_file(paths[1])
    changed["layers.0.bias"] += 1
    save_file(changed, paths[1])
    with pytest.raises(RunDirError, match="contents of run1 have changed"):
        evaluator(paths, folder).collect()


def test_another_pool_is_another_run(tmp_path: Path, folder: RunFolder) -> None:
    paths = make_pool(tmp_path / "pool", 4)
    evaluator(paths[:3], folder).collect()
    with pytest.raises(RunDirError, match="its pool was run0, run1, run2"):
        evaluator(paths[1:], folder).collect()


def test_a_change_that_no_key_can_see_is_caught(
    checkpoints: list[Path], folder: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    def forward(network: torch.nn.Module, x: torch.Tensor) -> torch.Tensor:
        return float(os.environ["SCALE"]) * network(x)

    monkeypatch.setenv("SCALE", "1.0")
    for _ in range(2):
        evaluator(checkpoints, folder, forward=forward).collect()
    monkeypatch.setenv("SCALE", "1.5")
    with pytest.raises(DataError, match=r"run0: the logits stored in .* differ by"):
        evaluator(checkpoints, folder, forward=forward).collect()


@pytest.mark.parametrize("precision", ["float32", "autocast", "bfloat16"])
def test_a_change_within_rounding_is_none(
    checkpoints: list[Path], folder: RunFolder, monkeypatch: pytest.MonkeyPatch, precision: str
) -> None:
    def forward(network: torch.nn.Module, x: torch.Tensor) -> torch.Tensor:
        logits = network(x.to(next(network.parameters()).dtype))
        return float(os.environ["SCALE"]) * logits.float()

    def build() -> torch.nn.Module:
        return Network().to(torch.bfloat16 if precision == "bfloat16" else torch.float32)

    def collect() -> None:
        autocast = "bfloat16" if precision == "autocast" else None
        one = radin.Task(build, clouds(100, 1), forward=forward, autocast=autocast, device="cpu", source="1")
        Evaluator(radin.Pool(checkpoints), one, folder).collect()

    monkeypatch.setenv("SCALE", "1.0")
    collect()
    monkeypatch.setenv("SCALE", "1.01")
    if precision == "float32":
        with pytest.raises(DataError, match=r"run0: the logits stored in .* differ by"):
            collect()
    else:
        collect()


def test_one_model_under_two_names_is_refused(tmp_path: Path, folder: RunFolder) -> None:
    paths = make_pool(tmp_path / "pool", 2)
    twin = tmp_path / "pool" / "twin.safetensors"
    twin.write_bytes(paths[1].read_bytes())
    with pytest.raises(IncompatibleError, match=r"run1.safetensors and .*twin.safetensors have the same contents"):
        evaluator([*paths, twin], folder).collect()


def test_a_diverged_model_is_named_and_the_others_are_kept(tmp_path: Path, folder: RunFolder) -> None:
    paths = make_pool(tmp_path / "pool", 3)
    diverged = load_file(paths[2])
    diverged["layers.3.bias"][0] = torch.inf
    save_file(diverged, paths[2])
    with pytest.raises(DataError, match="run2: its logits for sample 0 are not finite"):
        evaluator(paths, folder).collect()
    assert (folder.ledger.count("pass"), folder.ledger.count("pass", "lost")) == (2, 1)
    evaluator(paths[:2], folder).collect()
    assert folder.ledger.count("pass") == 2


def test_labels_out_of_range_are_refused(checkpoints: list[Path], folder: RunFolder) -> None:
    x, y = clouds(50, 1)
    y[17] = 3
    wrong = radin.Task(Network, (x, y), device="cpu")
    with pytest.raises(DataError, match="label 3 of sample 17 is out of range"):
        Evaluator(radin.Pool(checkpoints), wrong, folder).collect()


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory"),
        RuntimeError("[enforce fail at alloc_cpu.cpp:114] DefaultCPUAllocator: can't allocate memory"),
        RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
    ],
    ids=["cuda", "cpu", "cublas"],
)
def test_the_batch_halves_itself_and_is_remembered(
    checkpoints: list[Path], folder: RunFolder, error: RuntimeError
) -> None:
    largest = []

    def forward(network: torch.nn.Module, x: torch.Tensor) -> torch.Tensor:
        if len(x) > 40:
            raise error
        largest.append(len(x))
        return network(x)

    one = evaluator(checkpoints, folder, forward=forward)
    bank = one.collect()
    assert (one.batch_size, max(largest)) == (32, 32)
    assert bank.read(0, 0, SAMPLES).shape == (SAMPLES, 3)
    assert evaluator(checkpoints, folder, forward=forward).batch_size == 32
    assert folder.ledger.count("pass", "lost") == 0


def test_a_single_sample_that_does_not_fit_ends_the_halving(checkpoints: list[Path], folder: RunFolder) -> None:
    def forward(network: torch.nn.Module, x: torch.Tensor) -> torch.Tensor:
        raise torch.OutOfMemoryError("CUDA out of memory")

    with pytest.raises(TaskError, match="memory ran out on a single sample"):
        evaluator(checkpoints, folder, forward=forward).collect()


def test_half_written_logits_do_not_count(checkpoints: list[Path], folder: RunFolder, again) -> None:
    """The index names a file only when it is complete, so a file without an entry is evaluated again."""
    evaluator(checkpoints, folder).collect()
    index = folder.path / "logits" / "index.json"
    entries = json.loads(index.read_text())
    del entries["run3"]
    index.write_text(json.dumps(entries))
    reopened = again()
    evaluator(checkpoints, reopened).collect()
    counts = reopened.ledger.count("pass"), reopened.ledger.count("pass", "lost")
    assert counts == (len(checkpoints), 1)  # the pass whose result is gone is lost
    assert any("run3" in note for note in reopened.notes)


def test_what_was_running_is_settled(checkpoints: list[Path], folder: RunFolder) -> None:
    one = evaluator(checkpoints, folder)
    one.collect()
    finished = one.archive.key(one.evaluation(radin.Recipe.subset(one.pool.names, [0])))
    with (
        folder.ledger.charge("pass", finished, "", 1),
        folder.ledger.charge("pass", fingerprint_of("cut short"), "", 1),
    ):
        assert folder.ledger.count("pass") == len(checkpoints)
        evaluator(checkpoints, folder).collect()
        assert (folder.ledger.count("pass"), folder.ledger.count("pass", "lost")) == (len(checkpoints) + 1, 1)


def test_leftovers_of_a_killed_process_go_and_nothing_else(checkpoints: list[Path], folder: RunFolder) -> None:
    mine = [folder.path / "mine" / ".download.12.part", folder.path / ".notes.part", folder.path / "logits" / "a.part"]
    theirs = [folder.path / ".soup.safetensors.4711.part", folder.path / "logits" / ".run0.npy.4711.part"]
    for path in (*mine, *theirs):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    evaluator(checkpoints, folder).collect()
    assert all(path.exists() for path in mine)
    assert not any(path.exists() for path in theirs)


def test_a_first_batch_that_does_not_fit_is_halved_too(checkpoints: list[Path], folder: RunFolder) -> None:
    fits = [1000]

    def forward(network: torch.nn.Module, x: torch.Tensor) -> torch.Tensor:
        if len(x) > fits[-1]:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return network(x)

    one = evaluator(checkpoints, folder, forward=forward)
    one.fill(one.evaluation(radin.Recipe.uniform(one.pool.names)))
    fits.append(100)
    assert len(one.first_batch()) == one.batch_size == 64
