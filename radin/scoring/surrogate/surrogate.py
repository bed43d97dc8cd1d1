"""`Surrogate`: scores recipes from the averaged logits of their members."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from jaxtyping import Bool, Float64

from radin.errors import InputError
from radin.recipe import as_proposals, effective_sizes, mixing_weights, numbered_subsets
from radin.scoring import moves
from radin.scoring.metrics import Metric, get_metric
from radin.scoring.moves import Moves
from radin.scoring.objective import Proposal
from radin.scoring.prior import prior_terms, validate_strength
from radin.scoring.significance import standard_error
from radin.scoring.surrogate.counting_scorers import RightSamplesScorer
from radin.scoring.surrogate.dense_kernel import Bank
from radin.scoring.surrogate.kernels import Kernels
from radin.scoring.surrogate.margin_kernel import MarginKernel
from radin.scoring.surrogate.scorer import Scorer, coefficients_of
from radin.scoring.surrogate.scorers import scorer_of

if TYPE_CHECKING:
    import torch


Score = Callable[[Any], Any]

_RECIPES = 1 << 14  # recipes turned into float64 coefficients at once


class Surrogate:
    """The cheap objective: `metric(averaged logits) + λ · se · (n_eff − 1) / (N − 1)`, higher is better.

    For small steps away from a shared initialisation the loss of averaged logits is, to first order, that of averaged
    weights (RADIN, arXiv 2401.17790), so this ranks soups without building them. Scores of metrics that count
    predictions are exact: those of real arithmetic on the stored logits. Losses are within `bound`, and within 1e-6
    when `refined`. No score depends on the recipes beside it, but for the last bit of refined losses.

    Arguments:
        bank: the logits, N ingredients × M samples × C classes.
        metric: a name, a `Metric`, or a callable `(logits, labels) -> m numbers or one number`; by default that of the
            kind of outputs, which is accuracy for classes.
        lam: strength λ ≥ 0 of the prior; default 0, no prior.
        device: where products are computed, as torch names it; default `cpu`. A GPU pays for metrics that count right
            samples; it has no fast kernels for likelihoods.

    Raises:
        InputError: an unknown metric, one that is not defined for so many classes, a λ that is negative or
            not finite, or a device without float64.
    """

    unit: Literal["candidate"] = "candidate"

    def __init__(
        self,
        bank: Bank,
        metric: str | Metric | Callable[..., Any] | None = None,
        lam: float | int = 0.0,
        *,
        device: str | torch.device = "cpu",
    ) -> None:
        self.bank = bank
        self.metric = get_metric(metric, getattr(bank, "kind", None))
        self.lam = validate_strength(lam)
        self.device = device
        if str(device).partition(":")[0] == "mps":
            raise InputError(
                "device 'mps' has no float64, which exact scores need; recipes are scored on 'cpu' or 'cuda'"
            )
        self.metric.check_classes(bank.n_classes)
        self._labels = np.asarray(bank.labels)

    @property
    def names(self) -> tuple[str, ...]:
        """The ingredients' names, in pool order."""
        return tuple(self.bank.names)

    @property
    def settings(self) -> dict[str, Any]:
        """Values other than the logits on which the scores depend."""
        return {"metric": self.metric.name, "lam": self.lam}

    @cached_property
    def solo(self) -> Float64[np.ndarray, " n"]:
        """Each ingredient's own score, without the prior."""
        return self._scorer.singles()

    @cached_property
    def se(self) -> float:
        """Standard error of the metric of the best ingredient (the first of equal ones) on these samples."""
        logits = self.bank.read(int(self.solo.argmax()), 0, self.bank.n_samples)
        statistics = self.metric.measure(np.asarray(logits), self._labels)
        return standard_error(self.metric, statistics, self._labels, getattr(self.bank, "groups", None))

    def __call__(self, weights: Any, /) -> Float64[np.ndarray, " k"]:
        """Scores of `k` recipes, `bool[k, n]` masks or `float[k, n]` mixing weights, with the prior.

        Raises:
            InputError: rows that are no recipes over this pool.
        """
        proposals = as_proposals(weights, len(self.bank))
        return self._blockwise(self._scorer.scores, proposals) + self._prior(proposals)

    def metric_scores(self, weights: Any, /) -> Float64[np.ndarray, " k"]:
        """The metric of averaged logits, higher is better, without the prior, with the smallest error there is."""
        return self._blockwise(self._scorer.exact_scores, as_proposals(weights, len(self.bank)))

    def prior(self, weights: Any, /) -> Float64[np.ndarray, " k"]:
        """The prior's part of the scores."""
        return self._prior(as_proposals(weights, len(self.bank)))

    def _prior(self, proposals: Proposal) -> Float64[np.ndarray, " k"]:
        if len(self.bank) == 1 or self.lam == 0:
            return np.zeros(len(proposals))
        return prior_terms(effective_sizes(proposals), len(self.bank), self.lam, self.se)

    def _prior_of(self, moved: Moves) -> Float64[np.ndarray, " k"]:
        return np.zeros(len(moved)) if self.lam == 0 else moved.scored(self._prior)

    def tie_break(self, weights: Any, /) -> Float64[np.ndarray, " k"]:
        """The kind's smooth loss of averaged outputs, such as the negative log-likelihood; lower is better."""
        return self._kernels.losses.means(coefficients_of(as_proposals(weights, len(self.bank))))

    def loss_and_gradient(self, weights: Any, /) -> tuple[float, Float64[np.ndarray, " n"]]:
        """The kind's mean smooth loss at mixing weights, and its gradient in them (each weight moved by itself)."""
        row = as_proposals(np.asarray(weights)[None], len(self.bank))
        return self._kernels.losses.gradient(mixing_weights(row)[0])

    @property
    def kernel(self) -> MarginKernel:
        """The kernel that counts right samples.

        Raises:
            InputError: the metric does not count right samples.
        """
        if not isinstance(self._scorer, RightSamplesScorer):
            raise InputError(f"{self.metric.name} does not count right samples, so it has no kernel of margins")
        return self._scorer.kernel

    @property
    def bound(self) -> float:
        """Largest error of a score: 0 for metrics that count predictions, at most 1e-5 for `nll`."""
        return self._scorer.bound

    def refined(self, weights: Any, /) -> Float64[np.ndarray, " k"]:
        """Scores as by calling the surrogate, with the smallest error there is: for `nll` at most 1e-6.

        Searches compare scores within `bound`; whoever decides between recipes that are nearer to one another than
        twice the bound needs these scores.
        """
        proposals = as_proposals(weights, len(self.bank))
        return self._blockwise(self._scorer.exact_scores, proposals) + self._prior(proposals)

    @property
    def nll_bound(self) -> float:
        """Largest amount by which `tie_break` and refined losses are too low; at most 1e-6."""
        return self._kernels.losses.bound

    def neighbours(self, mask: Any, /) -> Float64[np.ndarray, " n"]:
        """Scores of the `n` subsets that differ from `mask` in ingredient `i`; `-inf` where that would be empty."""
        row = self._mask(mask)
        filled = moves.flips_to_recipes(row)
        moved = moves.flips(row).those(filled)
        scores = np.full(len(row), -np.inf)
        scores[filled] = self._scorer.neighbours(row, moved) + self._prior_of(moved)
        return scores

    def swaps(self, mask: Any, /) -> tuple[Bool[np.ndarray, "k n"], Float64[np.ndarray, " k"]]:
        """All subsets in which one member is exchanged for one non-member, and their scores."""
        row = self._mask(mask)
        moved = moves.swaps(row)
        if not len(moved):
            return moved.all(), np.zeros(0)
        return moved.all(), self._scorer.swaps(row, moved) + self._prior_of(moved)

    def additions(self, counts: Any, /) -> Float64[np.ndarray, " n"]:
        """Scores of the `n` recipes that arise when ingredient `i` is taken once more, for selection with replacement.

        Arguments:
            counts: how often each ingredient has been taken, 0 for none yet; the recipe's weights are its shares.

        Raises:
            InputError: counts of the wrong shape, or negative ones.
        """
        base = np.asarray(counts)
        if base.shape != (len(self.bank),) or not np.issubdtype(base.dtype, np.integer) or (base < 0).any():
            raise InputError(f"expected {len(self.bank)} counts, whole numbers of at least 0, got {counts!r}")
        taken = base.astype(np.int64)
        added = moves.additions(taken)
        return self._scorer.additions(taken, added) + self._prior_of(added)

    def subset_range(self, start: int, stop: int, /) -> Float64[np.ndarray, " k"]:
        """Scores of the subsets `start` to `stop − 1`; ingredient `i` is in subset `s` iff bit `i` of `s` is set."""
        masks = numbered_subsets(start, stop, len(self.bank))
        return self._scorer.subset_range(start, masks) + self._prior(masks)

    def _mask(self, mask: Any) -> Bool[np.ndarray, " n"]:
        row = np.asarray(mask)
        if row.dtype != np.bool_:
            raise InputError(
                f"expected a mask, bool[{len(self.bank)}], got dtype {row.dtype}; moves start from subsets"
            )
        return as_proposals(row[None], len(self.bank))[0]

    def _blockwise(self, score: Score, proposals: Proposal) -> Float64[np.ndarray, " k"]:
        scores = np.empty(len(proposals))
        for rows in _slices(*proposals.shape):
            scores[rows] = score(proposals[rows])
        return scores

    @cached_property
    def _kernels(self) -> Kernels:
        return Kernels(self.bank, self.device)

    @cached_property
    def _scorer(self) -> Scorer[Any]:
        return scorer_of(self.metric, self._kernels)


def _slices(k: int, n: int) -> Iterator[slice]:
    step = min(_RECIPES, moves.rows_at_once(n))
    for start in range(0, k, step):
        yield slice(start, min(start + step, k))
