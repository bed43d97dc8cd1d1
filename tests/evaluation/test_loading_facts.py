"""What is said of the loading of networks: what a reader should know, also after a restart."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import nn

import radin
from radin.evaluation.evaluator import Evaluator
from radin.evaluation.loading_facts import IN_PLACE, REMARKS, SAME, LoadingFacts
from radin.evaluation.run_folder import RunFolder

X = torch.randn(60, 4, generator=torch.Generator().manual_seed(0))
Y = torch.arange(60) % 3


def plain() -> nn.Module:
    return nn.Sequential(nn.Linear(4, 5), nn.ReLU(), nn.Linear(5, 3))


def states(folder: Path) -> list[Path]:
    paths = [folder / f"run{i}.pt" for i in range(2)]
    for path in paths:
        torch.save(plain().state_dict(), path)
    return paths


def evaluator(paths: list[Path], run: Path, build: Callable[[], nn.Module], **settings) -> Evaluator:
    task = radin.Task(build, (X, Y), holdback=0.0, device="cpu", **settings)
    return Evaluator(radin.Pool(paths), task, RunFolder(run), batchnorm="average")


@pytest.mark.parametrize("loads", [True, False])
def test_outputs_that_no_weights_move_are_said(tmp_path: Path, loads: bool) -> None:
    def build() -> nn.Module:
        torch.manual_seed(0)
        return plain()

    def load(network: nn.Module, tensors: dict[str, torch.Tensor]) -> None:
        network.load_state_dict({f"{'' if loads else 'module.'}{k}": v for k, v in tensors.items()}, strict=False)

    paths = states(tmp_path)
    for _ in range(2):  # a later process says it as well
        one = evaluator(paths, tmp_path / "run", build, load=load, source="1")
        one.networks.prove()
        assert (REMARKS[SAME] in one.networks.remarks) is not loads
        one.folder.close()


def test_the_same_weights_in_two_files_are_no_sign_of_weights_that_are_passed_over(tmp_path: Path) -> None:
    first, second = states(tmp_path)
    torch.save({"state_dict": torch.load(first)}, second)
    one = evaluator([first, second], tmp_path / "run", plain)
    one.networks.prove()
    assert REMARKS[SAME] not in one.networks.remarks


def test_facts_are_those_of_one_task_s_code(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path / "run")
    one, other = (
        LoadingFacts(folder.ledger, radin.Task(plain, (X, Y), forward=lambda network, x: network(x), source=source))
        for source in ("1", "2")
    )
    assert one.known(IN_PLACE) is None
    one.note(IN_PLACE, False)
    other.note(SAME, True)
    assert (one.known(IN_PLACE), other.known(IN_PLACE)) == (False, None)
    assert (one.remarks, other.remarks) == ((), (REMARKS[SAME],))
    folder.close()
