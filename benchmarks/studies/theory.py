"""`python -m benchmarks.studies.theory`: how fast soup and ensemble agree as ingredients come closer to their start.

A small network is pretrained on scikit-learn's digits and fine-tuned several times, all in float64. Ingredient i at
distance t is `θ_0 + t (θ_i − θ_0)`: t = 1 is the fine-tuned network, t = 0 the shared start. Radin then reads these
ingredients from files, builds soups, and scores the same recipes from averaged logits. `docs/method.md` quotes
and explains the results.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from radin import LogitBank, Pool, Recipe, Surrogate
from radin.common.files import write_json, written_aside
from radin.demo.digits import images
from radin.scoring.metrics import get_metric
from radin.weights.filler import Filler

#: Pixels run from 0 to 16.
BRIGHTEST = 16

State = dict[str, Tensor]


@dataclass(frozen=True)
class Row:
    """The measurements at one distance; losses are negative log-likelihoods on images that trained nothing.

    Attributes:
        distance: t in `θ_i(t) = θ_0 + t (θ_i − θ_0)`.
        soup_change: `L(soup) − L(θ_0)`, root mean square over the recipes.
        ensemble_change: `L(averaged logits) − L(θ_0)`, root mean square over the recipes.
        gap: `L(soup) − L(averaged logits)`, root mean square over the recipes.
        rank_correlation: Spearman's, between the two losses over the recipes.
    """

    distance: float
    soup_change: float
    ensemble_change: float
    gap: float
    rank_correlation: float


def network() -> nn.Module:
    """A perceptron with one hidden layer of 32 smooth units, in float64: 64 pixels in, logits of 10 classes out."""
    return nn.Sequential(nn.Linear(64, 32), nn.Tanh(), nn.Linear(32, 10)).double()


def train(start: State | None, inputs: Tensor, labels: Tensor, rate: float, steps: int, seed: int) -> State:
    """Weights after some steps of Adam on random batches of 32, from a start or from a random initialisation."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        trained = network()
        if start is not None:
            trained.load_state_dict(start)
        optimizer = torch.optim.Adam(trained.parameters(), lr=rate)
        for _ in range(steps):
            batch = torch.randint(len(labels), (32,))
            optimizer.zero_grad()
            torch.autograd.backward(nn.functional.cross_entropy(trained(inputs[batch]), labels[batch]))
            optimizer.step()
    return {name: tensor.clone() for name, tensor in trained.state_dict().items()}


def train_ingredients(n: int, seed: int) -> tuple[State, list[State]]:
    """The shared start and `n` fine-tunings of it, which differ in learning rate, length and order of the images.

    The start has seen a part of the training images for a short time, so the loss still falls: at a stationary point
    there would be no first order to agree on.
    """
    training = images()[0]
    inputs, labels = torch.from_numpy(training.pixels / BRIGHTEST).flatten(1), torch.from_numpy(training.labels)
    start = train(None, inputs[:150], labels[:150], rate=5e-3, steps=60, seed=seed)
    rng = np.random.default_rng(seed)
    rates, lengths = np.exp(rng.uniform(np.log(1e-3), np.log(1e-2), n)), rng.integers(30, 120, n)
    return start, [
        train(start, inputs, labels, rate, int(steps), seed + 1 + i)
        for i, (rate, steps) in enumerate(zip(rates.tolist(), lengths, strict=True))
    ]


def draw_recipes(names: Sequence[str], k: int, seed: int) -> list[Recipe]:
    """The uniform recipe, then `k − 1` with mixing ratios drawn evenly from the simplex."""
    rng = np.random.default_rng(seed)
    drawn = rng.dirichlet(np.ones(len(names)), k - 1)
    return [Recipe.uniform(names), *(Recipe.of(names, weights) for weights in drawn)]


def measure(distances: Sequence[float], *, n: int = 6, k: int = 32, seed: int = 0) -> list[Row]:
    """Soups and ensembles of the same recipes at each distance.

    Arguments:
        distances: the values of t.
        n: ingredients.
        k: recipes.
        seed: of everything that is random.

    Returns:
        one row for each distance.
    """
    start, ends = train_ingredients(n, seed)
    with tempfile.TemporaryDirectory() as folder:
        return [_measure_at(Path(folder), t, start, ends, k, seed) for t in distances]


def _measure_at(folder: Path, t: float, start: State, ends: Sequence[State], k: int, seed: int) -> Row:
    for i, end in enumerate(ends):
        moved = {name: start[name] + t * (end[name] - start[name]) for name in start}
        save_file(moved, folder / f"ingredient-{i}.safetensors")
    pool = Pool([folder / f"ingredient-{i}.safetensors" for i in range(len(ends))])
    validation = images()[1]
    inputs, labels = torch.from_numpy(validation.pixels / BRIGHTEST).flatten(1), validation.labels
    net = network().requires_grad_(False)
    filler = Filler(net, pool)

    def soup_logits(recipe: Recipe) -> np.ndarray:
        filler.fill(recipe)
        return net(inputs).numpy()

    recipes = draw_recipes(pool.names, k, seed)
    single = [soup_logits(Recipe.subset(pool.names, [i])) for i in range(len(pool))]
    surrogate = Surrogate(LogitBank.from_arrays(single, labels, pool.names), "nll")
    ensembles = -surrogate.metric_scores(np.array([recipe.weights for recipe in recipes]))
    soups = np.array([get_metric("nll").value(soup_logits(recipe), labels) for recipe in recipes])
    filler.close()
    net.load_state_dict(start)
    before = get_metric("nll").value(net(inputs).numpy(), labels)
    return Row(t, rms(soups - before), rms(ensembles - before), rms(soups - ensembles), spearman(soups, ensembles))


def rms(values: np.ndarray) -> float:
    """Root mean square."""
    return float(np.sqrt(np.square(values).mean()))


def spearman(one: np.ndarray, two: np.ndarray) -> float:
    """Spearman's rank correlation of values without ties."""
    ranks = np.argsort(np.argsort([one, two], axis=1), axis=1)
    return float(np.asarray(np.corrcoef(ranks))[0, 1])


def table(rows: Sequence[Row]) -> str:
    """The rows as a Markdown table, each change beside the factor by which it shrank from the row above."""
    head = "| t | soup's change | factor | ensemble's change | factor | gap | factor | rank correlation |"
    lines = [head, "|---|---|---|---|---|---|---|---|"]
    for above, row in zip([None, *rows], rows, strict=False):
        cells = [f"{row.distance:.7g}"]
        for name in ("soup_change", "ensemble_change", "gap"):
            value = getattr(row, name)
            cells += [f"{value:.3e}", "" if above is None else f"{getattr(above, name) / value:.2f}"]
        lines.append("| " + " | ".join([*cells, f"{row.rank_correlation:.4f}"]) + " |")
    return "\n".join(lines)


def draw(rows: Sequence[Row], path: Path) -> None:
    """Draws changes and gap against distance, on logarithmic axes, beside lines of slope 1 and 2."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 4.6), layout="constrained")
    axes = figure.subplots()
    t = np.array([row.distance for row in rows])
    series = (
        ("soup_change", "change of the soup's loss", "#1f6fb4", "o", 10),
        ("ensemble_change", "change of the ensemble's loss", "#d9741a", "s", 4),
        ("gap", "gap between the two", "#2a8a3e", "D", 6),
    )
    for name, label, colour, marker, size in series:
        values = [getattr(row, name) for row in rows]
        hollow = {"fillstyle": "none"} if size > 6 else {}  # soup and ensemble lie on each other
        axes.loglog(t, values, marker, color=colour, label=label, markersize=size, **hollow)
    nearest = rows[int(t.argmin())]
    guides = ((nearest.soup_change, 1, "--", "slope 1"), (nearest.gap, 2, ":", "slope 2"))
    for value, slope, style, label in guides:
        axes.loglog(t, value * (t / t.min()) ** slope, style, color="#707070", linewidth=1, label=label, zorder=0)
    axes.set_xlabel("distance t from the shared start (1: the fine-tuned networks)")
    axes.set_ylabel("negative log-likelihood, difference")
    axes.grid(alpha=0.25)
    axes.legend(frameon=False)
    with written_aside(path) as file:
        figure.savefig(file, format="png", dpi=120)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measures, prints the table, draws the picture."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.studies.theory", description=(__doc__ or "").split("\n")[0]
    )
    parser.add_argument("--out", type=Path, default=Path("docs/pictures/theory.png"), help="the picture (PNG)")
    parser.add_argument("--json", type=Path, help="a file for the numbers, too")
    parser.add_argument("--doublings", type=int, default=3, help="largest distance is 2 to this (default: 3)")
    parser.add_argument("--halvings", type=int, default=7, help="smallest distance is 2 to minus this (default: 7)")
    parser.add_argument("--ingredients", type=int, default=6, help="fine-tunings (default: 6)")
    parser.add_argument("--recipes", type=int, default=32, help="recipes scored at each distance (default: 32)")
    parser.add_argument("--seed", type=int, default=0, help="of everything that is random (default: 0)")
    given = parser.parse_args(arguments)
    distances = [0.5**i for i in range(-given.doublings, given.halvings + 1)]
    rows = measure(distances, n=given.ingredients, k=given.recipes, seed=given.seed)
    print(table(rows))
    draw(rows, given.out)
    print(f"\npicture: {given.out}")
    if given.json:
        versions = {"torch": torch.__version__, "numpy": np.__version__}
        settings = {"ingredients": given.ingredients, "recipes": given.recipes, "seed": given.seed}
        write_json(given.json, {**settings, **versions, "rows": [asdict(row) for row in rows]})
        print(f"numbers: {given.json}")


if __name__ == "__main__":
    main()
