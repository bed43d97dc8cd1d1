"""`--weights`, `--prefix` and `--max-shard-size`, and ranking models of several architectures together."""

import json
from pathlib import Path

import click
import numpy as np
import pytest
import torch
from click.testing import CliRunner
from helpers.command_line import SMALL, run
from helpers.small import Network
from safetensors.torch import load_file

import radin
from radin.cli.checkpoint_options import Checkpoints, check_several, checkpoint_options
from radin.errors import InputError


@pytest.fixture
def scripts(checkpoints: list[Path], tmp_path: Path) -> list[Path]:
    """The small pool as a script of Lightning saves it: under `model.`, beside a loss, with a moving average."""
    paths = []
    for path in checkpoints[:2]:
        state = {f"model.{name}": tensor for name, tensor in load_file(path).items()}
        held = {"state_dict": state | {"criterion.weight": torch.ones(3)}, "pytorch-lightning_version": "2.5.0"}
        average = {name: tensor + 1 for name, tensor in state.items()}
        paths.append(tmp_path / f"{path.stem}.ckpt")
        torch.save(held | {"state_dict_ema": average}, paths[-1])
    return paths


def test_one_set_of_weights_is_averaged(capsys: pytest.CaptureFixture, scripts: list[Path], tmp_path: Path) -> None:
    soups = {}
    for weights in ("model", "ema"):
        target = tmp_path / f"{weights}.safetensors"
        chosen = ["--weights", weights, "--prefix", "model", "-o", target]
        assert run(capsys, "average", *scripts, *chosen)[0] == 0
        soups[weights] = load_file(target)
    assert soups["model"].keys() == Network().state_dict().keys()
    for name, tensor in soups["model"].items():
        torch.testing.assert_close(soups["ema"][name], tensor + 1)


@pytest.mark.usefixtures("wide")
def test_inspect_says_what_was_taken(capsys: pytest.CaptureFixture, scripts: list[Path]) -> None:
    code, _, err = run(capsys, "inspect", *scripts)
    assert code == 2
    assert "'model' or 'ema'" in err
    assert "Try --weights model." in err
    code, out, _ = run(capsys, "inspect", *scripts, "--weights", "model", "--prefix", "model.")
    assert code == 0
    assert "taken from each file: the network's own weights; prefix model. taken off; without " in out
    assert "criterion.weight" in out
    document = json.loads(run(capsys, "inspect", *scripts, "--weights", "ema", "--json")[1])
    assert document["ingredients"][0]["weights"] == "ema"
    assert (
        document["ingredients"][0]["prefix"] == "model."
    )  # all tensors of the average share it, and Lightning wrote it


@pytest.fixture
def soup(scripts: list[Path], tmp_path: Path) -> list[object]:
    """A whole `radin soup` command on these files, but for the choice of weights and prefix."""
    return ["soup", *scripts, "--task", f"{SMALL}:task", "--run-dir", tmp_path / "run", "--soups", 1]


def test_a_network_under_a_prefix_is_found(capsys: pytest.CaptureFixture, soup: list[object], tmp_path: Path) -> None:
    given = [*soup, "--weights", "model"]
    code, _, err = run(capsys, *given)
    assert code == 2
    assert "under 'model.'" in err
    assert "Try --prefix model." in err
    assert run(capsys, *given, "--prefix", "model.")[0] == 0
    assert load_file(tmp_path / "run" / "soup.safetensors").keys() == Network().state_dict().keys()
    code, _, err = run(capsys, *given, "--prefix", "net.")
    assert (code, "no tensor's name begins with the prefix 'net.'" in err) == (2, True)


def test_the_moving_average_is_another_run(capsys: pytest.CaptureFixture, soup: list[object]) -> None:
    given = [*soup, "--prefix", "model"]
    assert run(capsys, *given, "--weights", "model")[0] == 0
    code, _, err = run(capsys, *given, "--weights", "ema")
    assert (code, "the contents of" in err) == (2, True)


def test_a_counter_that_differs_is_kept_if_asked(capsys: pytest.CaptureFixture, tmp_path: Path) -> None:
    files = [tmp_path / f"run{i}.pt" for i in range(2)]
    for i, file in enumerate(files):
        torch.save({"weight": torch.full((3,), float(i)), "queue_ptr": torch.tensor([64 * i])}, file)
    target = tmp_path / "soup.safetensors"
    for command in (["average", *files, "-o", target], ["inspect", *files]):
        code, _, err = run(capsys, *command)
        assert code == 2
        assert "Try --keep queue_ptr." in err
    assert run(capsys, "inspect", *files, "--keep", "queue_ptr")[0] == 0
    assert run(capsys, "average", *files, "--mix", "0.25,0.75", "--keep", "queue_ptr", "-o", target)[0] == 0
    soup = load_file(target)
    assert soup["weight"].tolist() == [0.75] * 3
    assert soup["queue_ptr"].tolist() == [64]


def test_probabilities_are_ranked_as_their_logarithms(capsys: pytest.CaptureFixture, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    labels = rng.integers(3, size=80)
    logits = [np.eye(3)[labels] + rng.normal(size=(80, 3)) for _ in range(3)]
    for i, one in enumerate(logits):
        np.save(tmp_path / f"m{i}.npy", np.exp(one) / np.exp(one).sum(axis=1, keepdims=True))
    np.save(tmp_path / "labels.npy", labels)
    code, _, err = run(capsys, "rank", "--logits", tmp_path, "--metric", "nll")
    assert code == 2
    assert "Try --probabilities log." in err
    code, out, _ = run(capsys, "rank", "--logits", tmp_path, "--metric", "nll", "--probabilities", "log", "--json")
    assert code == 0
    best = json.loads(out)["best_ingredient"]
    losses = [np.log(np.exp(one).sum(axis=1)) - one[np.arange(80), labels] for one in logits]
    assert best["nll"] == pytest.approx(min(loss.mean() for loss in losses), abs=1e-6)


def test_a_pool_of_one_has_nothing_to_average(checkpoints: list) -> None:
    check_several(radin.Pool(checkpoints[:2]))
    with pytest.raises(InputError, match="is one checkpoint"):
        check_several(radin.Pool(checkpoints[:1]))


def test_a_call_is_opened_as_the_pool_of_its_options(checkpoints: list[Path], capsys: pytest.CaptureFixture) -> None:
    @click.command()
    @checkpoint_options
    def command(given: Checkpoints) -> None:
        click.echo(" ".join(given.pool().names))

    names = ["checkpoints", "weights", "prefix", "keep", "reorder_classes", "order", "rank", "merge", "base"]
    assert [one.name for one in command.params] == names
    printed = CliRunner().invoke(command, [*map(str, checkpoints[:2]), "--prefix", "layers."]).output
    assert printed.split() == list(radin.Pool(checkpoints[:2]).names)
