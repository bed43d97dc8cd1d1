"""`python -m benchmarks.studies.kinds`: how well averaged outputs rank real soups, for each kind of outputs.

Each pool is eight fine-tunings of one small network, with several learning rates, on scikit-learn's data: disease
progression of the diabetes patients for values, properties of the digits for several labels, whether a digit is even
for one logit, the ink of each pixel beneath noise for positions, and which of up to five images shows the digit that is
asked for, for choices. Tokens are the words of Python's own language reference, which comes with Python. Random subsets
of two to seven are built and evaluated; Spearman's rank correlation is that of their real scores and the scores of
their averaged outputs. The first half of the data trains, the second is scored.
"""

from __future__ import annotations

import argparse
import copy
import json
import re
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import save_file
from torch import nn

import radin
from benchmarks.comparison.tables import markdown
from benchmarks.studies.surrogate import correlation

#: Words that are told apart, words of a text, and texts.
VOCABULARY, WORDS, TEXTS = 1_000, 24, 400

#: Ingredients of each pool, and sizes of the soups.
INGREDIENTS, SIZES = 8, (2, 3, 4, 5, 6, 7)

COLUMNS = ("kind", "metric", "soups", "rank correlation", "of losses", "mean gap", "spread of real scores")

Loss = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]


@dataclass(frozen=True)
class Setting:
    """A kind of outputs with data of its own.

    Attributes:
        kind: its name.
        build: makes the network.
        loss: that it is trained by.
        data: inputs and labels.
        metrics: to look at.
        rate: the smallest learning rate; the largest is eight times as high.
        alternatives: of tokens, numbers of those that are kept of a position.
    """

    kind: str
    build: Callable[[], nn.Module]
    loss: Loss
    data: tuple[torch.Tensor, torch.Tensor]
    metrics: tuple[str, ...]
    rate: float
    alternatives: tuple[int | None, ...] = (None,)


class Words(nn.Module):
    """Guesses the next word from those before."""

    def __init__(self, width: int = 32) -> None:
        super().__init__()
        self.words, self.memory = nn.Embedding(VOCABULARY, width), nn.GRU(width, width, batch_first=True)
        self.head = nn.Linear(width, VOCABULARY)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Logits of the next word at each place."""
        return self.head(self.memory(self.words(x))[0])


class Match(nn.Module):
    """Scores images by how well they show the digit that is asked for; images of −1 are absent."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(64, 48), nn.Tanh(), nn.Linear(48, 10))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Scores of the choices."""
        asked = x[:, 0, 64].long()
        scores = self.layers(x[..., :64])[torch.arange(len(x)), :, asked]
        return scores.masked_fill(x[..., 0] < 0, -float("inf"))


def settings() -> list[Setting]:
    """One for each kind, beside that of classes, which other studies are about."""
    from sklearn.datasets import load_diabetes, load_digits

    x, y = load_diabetes(return_X_y=True)
    patients = torch.tensor(20 * x, dtype=torch.float32), torch.tensor(y / 77, dtype=torch.float32)
    digits = load_digits()
    flat, label = torch.tensor(digits.data / 16, dtype=torch.float32), torch.tensor(digits.target)
    properties = torch.stack(
        [label % 2 == 0, label > 4, (label % 3) == 0, torch.isin(label, torch.tensor([0, 6, 8, 9]))]
    )
    generator = torch.Generator().manual_seed(0)
    images = flat.reshape(-1, 1, 8, 8)
    ink = (images[:, 0] > 0.25).long() + (images[:, 0] > 0.75).long()
    noisy = images + 0.35 * torch.randn(images.shape, generator=generator)
    binary = nn.functional.binary_cross_entropy_with_logits
    return [
        Setting(
            "values", lambda: _mlp(10, 1), lambda out, t: nn.functional.mse_loss(out[:, 0], t), patients,
            ("mse", "pearson"), 0.01,
        ),
        Setting(
            "one-logit", lambda: _mlp(64, 1), lambda out, t: binary(out[:, 0], t), (flat, (label % 2 == 0).float()),
            ("accuracy", "auc"), 0.05,
        ),
        Setting("several-labels", lambda: _mlp(64, 4), binary, (flat, properties.T.float()), ("macro-f1", "map"), 0.1),
        Setting("positions", _pixels, nn.functional.cross_entropy, (noisy, ink), ("miou", "accuracy"), 0.05),
        Setting("choices", Match, nn.functional.cross_entropy, _choices(flat, label), ("accuracy",), 0.05),
        Setting(
            "tokens", Words, lambda out, t: nn.functional.cross_entropy(out.flatten(0, 1), t.flatten()), _texts(),
            ("nll",), 0.25, (16, 64, VOCABULARY - 1),
        ),
    ]  # fmt: skip


def _texts() -> tuple[torch.Tensor, torch.Tensor]:
    """Words of Python's language reference, and those that follow; words that are rare are 0, and no labels."""
    from pydoc_data.topics import topics

    words = re.findall(r"\w+|[^\w\s]", " ".join(topics[name] for name in sorted(topics)).lower())
    common = [word for word, _ in Counter(words).most_common(VOCABULARY - 1)]
    number = {word: i for i, word in enumerate(common, start=1)}
    ids = torch.tensor([number.get(word, 0) for word in words])
    whole = ids[: len(ids) // (WORDS + 1) * (WORDS + 1)].reshape(-1, WORDS + 1)
    whole = whole[torch.randperm(len(whole), generator=torch.Generator().manual_seed(0))[:TEXTS]]
    return whole[:, :-1], torch.where(whole[:, 1:] == 0, -100, whole[:, 1:])


def _mlp(inputs: int, outputs: int) -> nn.Module:
    return nn.Sequential(nn.Linear(inputs, 48), nn.Tanh(), nn.Linear(48, outputs))


def _pixels() -> nn.Module:
    return nn.Sequential(nn.Conv2d(1, 12, 3, padding=1), nn.Tanh(), nn.Conv2d(12, 3, 3, padding=1))


def _choices(flat: torch.Tensor, label: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Five images a question, of which up to two are absent, and the place of the one that shows the digit."""
    rng, questions = np.random.default_rng(0), len(flat)
    x, right = torch.zeros(questions, 5, 65), torch.zeros(questions, dtype=torch.long)
    for i in range(questions):
        others = np.flatnonzero(label.numpy() != int(label[i]))
        place = int(rng.integers(5))
        x[i, :, :64] = flat[rng.choice(others, 5, replace=False)]
        x[i, place, :64], x[i, :, 64], right[i] = flat[i], float(label[i]), place
        absent = rng.permutation([j for j in range(5) if j != place])[: rng.integers(3)]
        x[i, absent, :64] = -1
    return x, right


def make_pool(setting: Setting, folder: Path, steps: int) -> list[Path]:
    """Fine-tunes one network that was trained for a while, each time on other samples and at another rate."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        start = setting.build()
    _train(setting, start, 0, 2 * steps, 4 * setting.rate)
    paths = []
    for i in range(INGREDIENTS):
        network = copy.deepcopy(start)
        _train(setting, network, 1 + i, steps, setting.rate * 8 ** (i / (INGREDIENTS - 1)))
        paths.append(folder / f"run{i}.safetensors")
        save_file(network.state_dict(), paths[-1])
    return paths


def _train(setting: Setting, network: nn.Module, seed: int, steps: int, rate: float) -> None:
    x, y = setting.data
    generator, half = torch.Generator().manual_seed(seed), len(x) // 2
    optimiser = torch.optim.SGD(network.parameters(), lr=rate, momentum=0.9)
    own = torch.randperm(half, generator=generator)[: half // 2]  # each has seen a half of what there is to train on
    for _ in range(steps):
        rows = own[torch.randint(len(own), (32,), generator=generator)]
        optimiser.zero_grad()
        setting.loss(network(x[rows]), y[rows]).backward()
        optimiser.step()


def measure(setting: Setting, subsets: int, steps: int) -> list[dict[str, Any]]:
    """A row for each metric, and of tokens for each number of alternatives."""
    rng = np.random.default_rng(0)
    with tempfile.TemporaryDirectory() as folder:
        pool = radin.Pool(make_pool(setting, Path(folder), steps))
        recipes = [
            radin.Recipe.subset(pool.names, rng.permutation(INGREDIENTS)[:size])
            for size in SIZES
            for _ in range(subsets)
        ]
        return [
            _row(setting, metric, kept, pool, recipes, Path(folder) / f"run-{kept}")
            for metric in setting.metrics
            for kept in setting.alternatives
        ]


def _row(
    setting: Setting, metric: str, kept: int | None, pool: radin.Pool, recipes: Sequence[radin.Recipe], folder: Path
) -> dict[str, Any]:
    """Real and averaged scores of all recipes, compared."""
    x, y = setting.data
    data = x[len(x) // 2 :], y[len(x) // 2 :]
    how: dict[str, Any] = {"outputs": setting.kind, "holdback": 0.0, "device": "cpu", "alternatives": kept}
    with radin.Verifier(pool, radin.Task(setting.build, data, metric, **how), folder) as verifier:
        surrogate, weights = radin.Surrogate(verifier.bank, metric), np.array([one.row for one in recipes])
        real, said = verifier(weights), surrogate.metric_scores(weights)
        losses = verifier.tie_break(weights), surrogate.tie_break(weights)
    return {
        "kind": setting.kind,
        "metric": metric if kept is None else f"{metric}, {kept} alternatives",
        "soups": len(recipes),
        "rank_correlation": correlation(real, said),
        "rank_correlation_losses": correlation(*losses),
        "gap": float((real - said).mean()),
        "spread": float(real.std(ddof=1)),
    }


def table(rows: Sequence[dict[str, Any]]) -> str:
    """All rows, as Markdown."""
    lines = [
        [
            row["kind"],
            row["metric"],
            str(row["soups"]),
            *(
                "–" if row[name] is None else f"{row[name]:.3f}"
                for name in ("rank_correlation", "rank_correlation_losses")
            ),
            f"{row['gap']:+.4f}",
            f"{row['spread']:.4f}",
        ]
        for row in rows
    ]
    return markdown(COLUMNS, lines, texts=2)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measures, writes the rows and prints the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.studies.kinds", description=__doc__)
    parser.add_argument("--subsets", type=int, default=15, help="random subsets of each size (15)")
    parser.add_argument("--steps", type=int, default=150, help="steps of each fine-tuning (150)")
    parser.add_argument("--kind", nargs="+", metavar="KIND", help="these kinds alone")
    parser.add_argument("--out", type=Path, default=Path("results"), help="folder of the rows (results)")
    given = parser.parse_args(arguments)
    given.out.mkdir(parents=True, exist_ok=True)
    rows = []
    with (given.out / "kinds.jsonl").open("a", encoding="utf-8") as file:
        for setting in settings():
            if given.kind and setting.kind not in given.kind:
                continue
            for row in measure(setting, given.subsets, given.steps):
                rows.append(row)
                file.write(json.dumps(row) + "\n")
                file.flush()
    print(table(rows))
    return 0


if __name__ == "__main__":
    sys.exit(main())
