"""The examples of docs/tasks.md, each run on a small pool, with its numbers computed again by PyTorch alone."""

import copy
import re
import shlex
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
from helpers.command_line import run as run_command
from helpers.language import Language, loss, texts
from safetensors.torch import load_file, save_file
from sklearn import metrics as sk
from torch import nn

import radin
from radin.report.record import Record

PAGE = Path(__file__).parents[2] / "docs" / "tasks.md"
EXAMPLES = dict(re.findall(r"^## (.+?)\n\n```python\n(.+?)```", PAGE.read_text(encoding="utf-8"), re.M | re.S))
F = nn.functional


class Network(nn.Module):
    def __init__(self, outputs: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(6, 12), nn.Tanh(), nn.Linear(12, outputs))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.layers(x)


class Tagger(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.embedding, self.head = nn.Embedding(20, 8), nn.Linear(8, 3)

    def forward(self, input_ids: torch.Tensor) -> torch.Tensor:
        return self.head(self.embedding(input_ids))


class Segmenter(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Conv2d(2, 3, 3, padding=1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.layer(x)


class Scorer(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(6, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.layer(x)[..., 0].masked_fill(x[..., 0] > 90, -float("inf"))


def rows(n: int, *shape: int) -> torch.Tensor:
    return torch.randn(n, *shape, generator=torch.Generator().manual_seed(n))


X = rows(300, 6)
Z = X @ rows(6, 4) + rows(301, 4)[1:]


def pool(build: Callable[[], nn.Module], loss: Callable[[nn.Module], torch.Tensor], folder: Path) -> list[Path]:
    """Four fine-tunings of one network, written as checkpoints."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        start, paths = build(), []
    for i in range(4):
        network = copy.deepcopy(start) if i else start
        optimiser = torch.optim.SGD(network.parameters(), lr=0.05 * (1 + i))
        for _ in range(60 if i == 0 else 25):
            optimiser.zero_grad()
            loss(network).backward()
            optimiser.step()
        paths.append(folder / f"run{i}.safetensors")
        save_file(network.state_dict(), paths[-1])
    return paths


def run(title: str, build: Any, loss: Any, data: Any, tmp_path: Path, monkeypatch: Any, device: str = "cpu") -> Any:
    """The result of an example, and the outputs of its winner and of the ingredient `run1`, by PyTorch alone."""
    monkeypatch.chdir(tmp_path)
    files = pool(build, loss, tmp_path)
    torch.save(data, "val.pt")
    module = ModuleType("mymodel")
    for one in (Network, Tagger, Segmenter, Scorer, Language):
        setattr(module, one.__name__, one)
    monkeypatch.setitem(sys.modules, "mymodel", module)
    written = [line for line in EXAMPLES[title].splitlines() if line]
    assert len(written) <= 12, "an example is at most 12 lines of the user's own"
    names: dict[str, Any] = {"__name__": "example"}
    exec(compile(EXAMPLES[title], f"{title}.py", "exec"), names)
    task = names["task"]()
    result = radin.make_soup(radin.Pool(files), task, run_dir=tmp_path / "run", budget=radin.Budget(soups=2))
    again = radin.make_soup(radin.Pool(files), names["task"](), run_dir=tmp_path / "run", budget=radin.Budget(soups=2))
    assert again.best.score == result.best.score and again.spent.passes == 4, "resumed, with nothing run twice"
    networks = []
    for file in (tmp_path / "run" / "soup.safetensors", files[1]):
        network = build()
        network.load_state_dict(load_file(file))
        networks.append(network.eval())
    return result, task, networks


def check(result: Any, task: Any, networks: Any, value: Callable[[nn.Module, np.ndarray], float]) -> None:
    """Winner, ingredient, and the winner on held-back data have the values that PyTorch gives."""
    selecting, held = task.split
    assert result.best.value == pytest.approx(value(networks[0], selecting), rel=1e-5)
    assert result.report.winner.value == pytest.approx(value(networks[0], held), rel=1e-5)
    single = next(one for one in result.leaderboard if one.recipe.member_names == ("run1",))
    assert single.value == pytest.approx(value(networks[1], selecting), rel=1e-5)
    assert result.report.winner.low <= result.report.winner.value <= result.report.winner.high
    ranked = radin.rank(radin.LogitBank.from_folder(result.run_dir / "logits"), metric=task.metric)
    best = result.best_ingredient
    assert ranked.best_ingredient.value == pytest.approx(best.value, rel=1e-9)
    assert not [one for one in result.findings if one.kind in ("classes", "chance")]


def no_grad(network: nn.Module, x: torch.Tensor) -> np.ndarray:
    with torch.inference_mode():
        return network(x).numpy()


def test_two_logits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    y = (Z[:, 0] > 0).long()
    found = run(
        "Two classes, two logits",
        lambda: Network(2),
        lambda net: F.cross_entropy(net(X), y),
        (X, y),
        tmp_path,
        monkeypatch,
    )
    check(*found, lambda net, i: sk.f1_score(y[i], no_grad(net, X[i]).argmax(1)))


def test_one_logit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    y = (Z[:, 0] > 0).float()
    found = run(
        "Two classes, one logit",
        lambda: Network(1),
        lambda net: F.binary_cross_entropy_with_logits(net(X)[:, 0], y),
        (X, y),
        tmp_path,
        monkeypatch,
    )
    check(*found, lambda net, i: sk.roc_auc_score(y[i], no_grad(net, X[i])[:, 0]))


def test_several_labels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    y = (Z > 0.5).float()
    found = run(
        "Several labels",
        lambda: Network(4),
        lambda net: F.binary_cross_entropy_with_logits(net(X), y),
        (X, y),
        tmp_path,
        monkeypatch,
    )
    check(*found, lambda net, i: sk.f1_score(y[i], no_grad(net, X[i]) > 0, average="macro"))


def test_regression(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    y = Z[:, 0]
    found = run(
        "Regression", lambda: Network(1), lambda net: F.mse_loss(net(X)[:, 0], y), (X, y), tmp_path, monkeypatch
    )
    check(*found, lambda net, i: sk.mean_squared_error(y[i], no_grad(net, X[i])[:, 0]) ** 0.5)
    assert not found[0].higher_is_better and found[0].best.score == -found[0].best.value


def test_tags(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    data = []
    for _ in range(60):
        ids = rng.integers(1, 20, size=rng.integers(3, 9)).tolist()
        data.append({"input_ids": ids, "labels": [int(rng.random() < 0.8) * (one % 3) for one in ids]})
    tokens = [torch.tensor(one["input_ids"]) for one in data]
    tags = [torch.tensor(one["labels"]) for one in data]
    found = run(
        "Tags of tokens",
        Tagger,
        lambda net: F.cross_entropy(net(torch.cat(tokens)), torch.cat(tags)),
        data,
        tmp_path,
        monkeypatch,
    )

    def value(net: nn.Module, i: np.ndarray) -> float:
        predicted = no_grad(net, torch.cat([tokens[j] for j in i])).argmax(1)
        return sk.f1_score(torch.cat([tags[j] for j in i]), predicted, average="macro")

    check(*found, value)
    assert found[0].report.n_samples == len(found[1].split[1])


def test_segmentation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    images = rows(40, 2, 7, 5)
    masks = (images[:, 0] > 0.3).long() + (images[:, 1] > 0.3).long()
    masks[:, 0] = 255
    found = run(
        "Segmentation",
        Segmenter,
        lambda net: F.cross_entropy(net(images), masks, ignore_index=255),
        (images, masks),
        tmp_path,
        monkeypatch,
    )
    kind = found[1].kind
    places = torch.from_numpy(kind.places(masks.numpy(), np.arange(40)))

    def value(net: nn.Module, i: np.ndarray) -> float:
        predicted = torch.from_numpy(no_grad(net, images[i]).argmax(1)).flatten(1).gather(1, places[i])
        return sk.jaccard_score(masks[i].flatten(1).gather(1, places[i]).ravel(), predicted.ravel(), average="macro")

    assert int((places >= 0).sum()) == 40 * 30  # 30 of 35 pixels are labelled, fewer than the 32 that are asked for
    check(*found, value)


def test_choices(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    x = rows(200, 4, 6)
    y = (x @ rows(6) + 0.5 * rows(201, 4)[1:]).argmax(1)
    absent = (rows(202, 4)[2:] > 0.8) & (torch.arange(4) != y[:, None])
    x[absent] = 99
    found = run("Choices", Scorer, lambda net: F.cross_entropy(net(x), y), (x, y), tmp_path, monkeypatch)
    check(*found, lambda net, i: float((no_grad(net, x[i]).argmax(1) == y[i].numpy()).mean()))


def test_language_model_by_perplexity(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ids = texts()
    found = run(
        "Language models by perplexity",
        Language,
        lambda net: loss(net, ids[:, :-1], ids[:, 1:]),
        ids,
        tmp_path,
        monkeypatch,
    )

    def value(net: nn.Module, i: np.ndarray) -> float:
        with torch.inference_mode():
            return float(loss(net, ids[i, :-1], ids[i, 1:]).exp())

    check(*found, value)
    assert found[0].spent.references == 1


def test_language_model_by_choices(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = texts(n=80)
    ids = whole[:, None].repeat(1, 3, 1)
    ids[:, 1, 6:], ids[:, 2, 6:] = (ids[:, 0, 6:] + 1) % 13, (ids[:, 0, 6:] + 5) % 13
    right = torch.arange(80) % 3
    for i, place in enumerate(right.tolist()):
        ids[i, [0, place]] = ids[i, [place, 0]]
    answer = torch.zeros(ids.shape)
    answer[..., 6:] = 1.0
    found = run(
        "Language models by choices",
        Language,
        lambda net: loss(net, whole[:, :-1], whole[:, 1:]),
        (ids, answer, right),
        tmp_path,
        monkeypatch,
    )

    def value(net: nn.Module, i: np.ndarray) -> float:
        hits = 0
        for j in i:
            with torch.inference_mode():
                scores = [
                    -float(F.cross_entropy(net(one[None, :-1])[0, 5:], one[6:], reduction="sum")) for one in ids[j]
                ]
            hits += int(np.argmax(scores)) == int(right[j])
        return hits / len(i)

    check(*found, value)


def averaged(build: Callable[[], nn.Module], *files: Path) -> nn.Module:
    """The network with the average of some files' weights, by PyTorch alone."""
    states = [load_file(file) for file in files]
    network = build()
    network.load_state_dict({name: torch.stack([one[name] for one in states]).mean(0) for name in states[0]})
    return network.eval()


def outside_pool(build: Any, loss_of: Any, data: Any, keep: int, tmp_path: Path, monkeypatch: Any) -> list[Path]:
    """The last checkpoints of a pool in `runs/`, and the user's own code beside them."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "runs").mkdir()
    files = pool(build, loss_of, tmp_path / "runs")
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


#: The part of the page about scorers.
OUTSIDE = PAGE.read_text(encoding="utf-8").split("## Scores from outside")[1]

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
