"""`--weights`, `--prefix` and `--max-shard-size`, and ranking models of several architectures together."""

import json
from pathlib import Path

import pytest
import torch
from helpers.command_line import SMALL, run
from helpers.small import Network
from safetensors.torch import load_file


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


def test_inspect_says_what_was_taken(capsys: pytest.CaptureFixture, scripts: list[Path]) -> None:
    code, _, err = run(capsys, "inspect", *scripts)
    assert code == 2
    assert "--weights model or --weights ema" in err
    code, out, _ = run(capsys, "inspect", *scripts, "--weights", "model", "--prefix", "model.")
    assert code == 0
    taken = "taken from each file: the network's own weights; prefix model. taken off; without criterion.weight"
    assert taken in out
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
    assert "under 'model.': say --prefix model." in err
    assert run(capsys, *given, "--prefix", "model.")[0] == 0
    assert load_file(tmp_path / "run" / "soup.safetensors").keys() == Network().state_dict().keys()
    code, _, err = run(capsys, *given, "--prefix", "net.")
    assert (code, "no tensor's name begins with the prefix 'net.'" in err) == (2, True)


def test_the_moving_average_is_another_run(capsys: pytest.CaptureFixture, soup: list[object]) -> None:
    given = [*soup, "--prefix", "model"]
    assert run(capsys, *given, "--weights", "model")[0] == 0
    code, _, err = run(capsys, *given, "--weights", "ema")
    assert (code, "the contents of" in err) == (2, True)
