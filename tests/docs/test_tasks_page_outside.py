"""The examples of docs/tasks.md about scores from outside, run on small pools, with their numbers computed again."""

import re
import shlex
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch
from helpers.command_line import run as run_command
from helpers.fine_tunings import averaged, fine_tuned, rows
from torch import nn

from radin.report.record import Record

#: The part of the page about scorers.
PAGE = Path(__file__).parents[2] / "docs" / "tasks.md"
OUTSIDE = PAGE.read_text(encoding="utf-8").split("## Scores from outside")[1]
F = nn.functional

#: The user's own code, in a file that the scorers of the page import.
MYMODEL = """
import torch
from torch import nn


class Speech(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(5, 12), nn.Tanh(), nn.Linear(12, 6))

    def forward(self, x):
        return self.layers(x)


def word_error_rate(network):
    sounds, words = torch.load("val.pt")
    errors = 0
    for best, true in zip(network(sounds).argmax(-1), words.tolist()):
        said = [one for one in best.unique_consecutive().tolist() if one]
        row = list(range(len(true) + 1))
        for i, word in enumerate(said, start=1):
            above, row = row, [i]
            for j, other in enumerate(true, start=1):
                row.append(min(above[j] + 1, row[-1] + 1, above[j - 1] + (word != other)))
        errors += row[-1]
    return errors / words.numel()


class Detector(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(nn.Flatten(), nn.Linear(36, 24), nn.Tanh(), nn.Linear(24, 3))

    def forward(self, x):
        found = self.layers(x)
        return found[:, :2], found[:, 2]


def mean_average_precision(network):
    images, boxes = torch.load("val.pt")
    found, score = network(images)
    precisions = []
    for reach in (0.5, 1.0, 2.0):
        right = ((found - boxes).abs().amax(1) < reach)[score.argsort(descending=True)].double()
        hits = right.cumsum(0) / torch.arange(1, len(right) + 1)
        precisions.append(float((hits * right).sum() / len(right)))
    return sum(precisions) / len(precisions)
"""


def outside_pool(build: Any, loss_of: Any, data: Any, keep: int, tmp_path: Path, monkeypatch: Any) -> list[Path]:
    """The last checkpoints of a pool in `runs/`, and the user's own code beside them."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "runs").mkdir()
    files = fine_tuned(build, loss_of, tmp_path / "runs")
    for one in files[:-keep]:
        one.unlink()
    torch.save(data, "val.pt")
    return files[-keep:]


def test_last_n_of_a_ctc_model_by_word_error_rate(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    """The command of the page, on a pool of two, since each call starts a process."""
    mine: dict[str, Any] = {"__name__": "mymodel"}
    exec(MYMODEL, mine)
    speech, rate = mine["Speech"], mine["word_error_rate"]
    sounds, words = rows(40, 12, 5), torch.randint(1, 6, (40, 4), generator=torch.Generator().manual_seed(0))
    for place in range(4):
        sounds[torch.arange(40), 3 * place + 1, words[:, place] - 1] += 3

    def ctc(network: nn.Module) -> torch.Tensor:
        scores, lengths = network(sounds).log_softmax(-1).transpose(0, 1), torch.full((40,), 12)
        return F.ctc_loss(scores, words, lengths, torch.full((40,), 4))

    files = outside_pool(speech, ctc, (sounds, words), 2, tmp_path, monkeypatch)
    script, _ = re.findall(r"```python\n(.+?)```", OUTSIDE, re.S)
    (command,) = re.findall(r"```sh\nradin (.+?)\n```", OUTSIDE, re.S)
    assert len(script.splitlines()) <= 12
    (tmp_path / "mymodel.py").write_text(MYMODEL)
    (tmp_path / "eval.py").write_text(script)
    arguments = [word.replace("python eval", f"{sys.executable} eval") for word in shlex.split(command)]
    code, _, _ = run_command(capsys, *arguments)
    record = Record.read("runs/soup")
    assert (code, record.spent["soups"], record.spent["passes"]) == (0, 1, 1)
    truth = {tuple(one.stem for one in files[k:]): rate(averaged(speech, *files[k:])) for k in range(2)}
    assert {tuple(one.recipe): one.value for one in record.leaderboard} == pytest.approx(truth)
    assert record.winner.value == pytest.approx(min(truth.values())) and 0 < record.winner.value < 1


def test_a_detector_by_mean_average_precision(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    module = ModuleType("mymodel")
    exec(MYMODEL, vars(module))
    monkeypatch.setitem(sys.modules, "mymodel", module)
    images = rows(30, 1, 6, 6)
    places = torch.randint(36, (30,), generator=torch.Generator().manual_seed(1))
    images.flatten(1)[torch.arange(30), places] += 4
    boxes = torch.stack([places % 6, places // 6], dim=1).float()

    def objective(network: nn.Module) -> torch.Tensor:
        found, score = network(images)
        return F.mse_loss(found, boxes) + F.binary_cross_entropy_with_logits(score, (boxes[:, 0] > 2).float())

    files = outside_pool(module.Detector, objective, (images, boxes), 3, tmp_path, monkeypatch)
    names: dict[str, Any] = {"__name__": "example"}
    example = re.findall(r"```python\n(.+?)```", OUTSIDE, re.S)[1]
    assert len(example.splitlines()) <= 12
    exec(compile(example, "search.py", "exec"), names)
    result, value = names["result"], module.mean_average_precision
    assert result.metric == "mAP" and result.spent.passes == 3 and result.spent.soups >= 1
    for one in result.leaderboard:
        network = averaged(module.Detector, *(files[i] for i in one.recipe.members))
        assert one.value == pytest.approx(value(network), abs=1e-6)
    soup = averaged(module.Detector, tmp_path / "radin-run" / "soup.safetensors")
    assert value(soup) == pytest.approx(result.best.value, abs=1e-6)
    assert result.best.value == max(one.value for one in result.leaderboard)
