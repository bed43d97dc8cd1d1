"""The best mixing ratios: a convex problem over the simplex, solved to a proven duality gap."""

from __future__ import annotations

from typing import Annotated

import numpy as np
from annotated_types import Ge, Gt
from jaxtyping import Float64

import radin

#: A step is long enough to end, and short enough not to overshoot, where the slope along it has not turned to more
#: than this part of what it was.
_OVERSHOOT = 0.3

#: Shorter steps change nothing that float64 can tell.
_SHORTEST = 1e-12


def mixing(
    problem: radin.Problem,
    *,
    gap: Annotated[
        float, Gt(0), "stop where the loss is proven to be within this of the best there is, in nats"
    ] = 1e-4,
    steps: Annotated[int, Ge(1), "stop after this many steps at the latest"] = 10_000,
) -> radin.Proposals:
    """The best mixing ratios: minimises the convex loss of the average over all weights, to a proven duality gap.

    The negative log-likelihood of averaged logits is convex in the weights. Pairwise Frank-Wolfe steps (Lacoste-Julien
    and Jaggi, 2015, arXiv 1511.05932) move weight from the member along which the loss rises fastest to the ingredient
    along which it falls fastest. The gap `⟨∇f(w), w⟩ − minᵢ ∇f(w)ᵢ` bounds how far the loss is from its optimum,
    whatever led to w. Metric and prior play no part in it: weights on the way, the last ones, and their roundings (the
    k largest, as they are and in equal parts) are proposed, and so scored and listed by them.

    A step costs one or two gradients, each charged as one evaluation. What is reached is in `Shortlist.reported`:
    `loss`, `gap` and `gradients`; after the cap, too. The surrogate leaves out classes worth at most 10⁻⁶ nats, so the
    proof is that much looser.
    """
    weights = np.full(problem.n, 1 / problem.n)
    loss, slope = problem.loss_and_gradient(weights)
    gradients, curvature = 1, 0.0
    for step in range(steps):
        certified = max(0.0, float(slope @ weights - slope.min()))
        problem.report({"loss": loss, "gap": certified, "gradients": gradients})
        towards, away = int(slope.argmin()), int(np.where(weights > 0, slope, -np.inf).argmax())
        if certified <= gap or towards == away:
            break
        if step & (step - 1) == 0:  # steps 0, 1, 2, 4, 8, ...: something is scored even if the budget is small
            yield weights[None]
        descent, length = float(slope[towards] - slope[away]), float(weights[away])
        stride = length if curvature <= 0 else min(length, -descent / curvature)
        while True:
            trial = _moved(weights, away, towards, stride)
            trial_loss, trial_slope = problem.loss_and_gradient(trial)
            gradients += 1
            ahead = float(trial_slope[towards] - trial_slope[away])
            curvature = (ahead - descent) / stride
            if ahead <= 0 or (ahead <= -_OVERSHOOT * descent and trial_loss < loss) or stride <= _SHORTEST:
                break
            stride *= descent / (descent - ahead)  # where the slope would be 0 if it were linear
        weights, loss, slope = trial, trial_loss, trial_slope
    yield _roundings(weights)


def _moved(weights: Float64[np.ndarray, " n"], away: int, towards: int, stride: float) -> Float64[np.ndarray, " n"]:
    moved = weights.copy()
    moved[towards] += stride
    moved[away] -= stride  # exactly 0 if all of it goes
    return moved


def _roundings(weights: Float64[np.ndarray, " n"]) -> Float64[np.ndarray, "k n"]:
    """The weights, and for each k the k largest of them, in the same ratios and in equal parts."""
    rank = np.argsort(np.argsort(-weights, kind="stable"))
    largest = rank < np.arange(1, np.count_nonzero(weights) + 1)[:, None]
    rows = np.concatenate([weights * largest[::-1], largest])
    return rows / rows.sum(axis=1, keepdims=True)


@radin.hookimpl
def register_searchers(register: radin.Register) -> None:
    """Registers the searcher of this module."""
    register(mixing)
