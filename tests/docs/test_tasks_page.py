"""The examples of docs/tasks.md, each run on a small pool, with its numbers computed again by PyTorch alone."""

import re
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
from helpers.fine_tunings import fine_tuned, rows
from helpers.language import Language, loss, texts
from safetensors.torch import load_file
from sklearn import metrics as sk
from torch import nn

import radin

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


X = rows(300, 6)
Z = X @ rows(6, 4) + rows(301, 4)[1:]


def run(title: str, build: Any, loss: Any, data: Any, tmp_path: Path, monkeypatch: Any, device: str = "cpu") -> Any:
    """The result of an example, and the outputs of its winner and of the ingredient `run1`, by PyTorch alone."""
    monkeypatch.chdir(tmp_path)
    files = fine_tuned(build, loss, tmp_path)
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
