"""Small objectives for tests: what they score is obvious, and they count it."""

import numpy as np

import radin
from radin.scoring.moves import flips
from radin.testing import ToyObjective


class Additive:
    """Each ingredient has a worth; a soup scores the mean worth of its members, plus a bonus for its size.

    Counts each recipe that it is asked about, by itself and not through radin.
    """

    def __init__(self, worth, *, unit="candidate", bonus=0.0, digits=12):
        self.unit = unit
        self.worth = np.asarray(worth, dtype=np.float64)
        self.names = tuple(f"m{i}" for i in range(len(self.worth)))
        self.bonus, self.digits = bonus, digits
        self.asked = []

    @property
    def solo(self):
        return np.round(self.worth, self.digits)

    def __call__(self, weights):
        self.asked += [row.tobytes() for row in weights]
        return self.value(weights)

    def value(self, weights):
        weights = np.asarray(weights, dtype=np.float64)
        shares = weights / weights.sum(axis=1, keepdims=True)
        return np.round(shares @ self.worth + self.bonus * ((weights > 0).sum(axis=1) - 1), self.digits)


class Capable(Additive):
    """The same with all optional abilities; what they are asked is counted too."""

    def neighbours(self, mask):
        moves = mask ^ np.eye(len(mask), dtype=bool)
        scores = np.full(len(mask), -np.inf)
        scores[moves.any(axis=1)] = self(moves[moves.any(axis=1)])
        return scores

    def swaps(self, mask):
        moves = []
        for i in np.flatnonzero(mask):
            for j in np.flatnonzero(~mask):
                move = mask.copy()
                move[i], move[j] = False, True
                moves.append(move)
        moves = np.array(moves, dtype=bool).reshape(-1, len(mask))
        return moves, self(moves)

    def loss_and_gradient(self, weights):
        self.asked.append(b"gradient" + weights.tobytes())
        return float(-weights @ self.worth), -self.worth

    def additions(self, counts):
        return self((counts + np.eye(len(counts))) / (counts.sum() + 1))

    def subset_range(self, start, stop):
        return self(np.array([[s >> i & 1 for i in range(len(self.names))] for s in range(start, stop)], dtype=bool))

    def tie_break(self, weights):
        return np.zeros(len(weights))


class Together(ToyObjective):
    """A toy that scores all neighbours of a subset in one go."""

    def neighbours(self, mask):
        moves = flips(mask).all()
        allowed = moves.any(axis=1)
        scores = np.full(len(mask), -np.inf)
        scores[allowed] = self(moves[allowed])
        return scores


def value(objective, members):
    """The score of the subset with these members; nothing is counted."""
    return objective.value(np.isin(np.arange(len(objective.names)), sorted(members))[None])[0]


def best_and_blind(searcher, evaluations):
    """The best score that a searcher finds, and the 99.9 % quantile of the scores of random subsets."""
    objective = ToyObjective(16, seed=5)
    blind = objective.value(np.random.default_rng(0).random((3000, 16)) < 0.5)
    found = radin.search(searcher, objective, radin.Budget(candidates=evaluations), seed=1)
    return found[0].score, np.quantile(blind, 0.999)


def propose(*batches):
    """A searcher that yields these batches and keeps the scores in `.answers`."""

    def listed(problem: radin.Problem) -> radin.Proposals:
        """Proposes what it was made with."""
        for batch in batches:
            listed.answers.append((yield np.array(batch)))

    listed.answers = []
    return listed


def subsets(n, *members):
    """Masks `bool[k, n]` of these tuples of members."""
    masks = np.zeros((len(members), n), dtype=bool)
    for mask, chosen in zip(masks, members, strict=True):
        mask[list(chosen)] = True
    return masks


def run(searcher, objective, cap=None, **more):
    """A search with one cap on whatever the objective counts."""
    return radin.search(searcher, objective, radin.Budget(candidates=cap, soups=cap), **more)


def listed(shortlist):
    """Members and score of each entry, in order."""
    return [(candidate.recipe.members, candidate.score) for candidate in shortlist]
