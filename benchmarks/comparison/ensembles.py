"""Surrogates, which predict a soup's outputs without building it: radin's own, and others to compare it with."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import torch
from scipy import optimize, special

import radin
from benchmarks.comparison.store import Store
from radin.scoring.likelihood import losses

#: Directions in which logits may differ between recipes, for the surrogate of low rank.
RANK = 4

#: Largest difference between a linear layer's outputs and the logits, relative to the largest logit; chosen by hand.
SAME = 1e-2

#: Logits, or log probabilities, `[M, C]`, that stand for the soup of a recipe.
Predictor = Callable[[radin.Recipe], np.ndarray]


class Ensembles:
    """The surrogates of one pool.

    Arguments:
        store: the pool.
        fitting: samples to which a surrogate may be fitted; judge it on others.
    """

    def __init__(self, store: Store, fitting: np.ndarray) -> None:
        self.store, self.fitting = store, fitting
        self.logits = np.array([store.ingredient(i) for i in range(len(store.pool))], dtype=np.float64)

    def __iter__(self) -> Iterator[tuple[str, Predictor]]:
        """Names and surrogates, as many as this pool allows."""
        yield "logits", lambda recipe: mixed(recipe, self.logits)
        probabilities = special.softmax(self.logits, axis=2)
        yield "probabilities", lambda recipe: np.log(mixed(recipe, probabilities) + np.finfo(float).tiny)
        tempered = self.tempered()
        yield "tempered logits", lambda recipe: mixed(recipe, tempered)
        reduced = self.reduced()
        yield f"logits of rank {RANK}", lambda recipe: mixed(recipe, reduced)
        if (parts := self.features_and_heads()) is not None:
            features, heads, biases = parts
            yield (
                "features and heads",
                lambda recipe: mixed(recipe, features) @ mixed(recipe, heads).T + mixed(recipe, biases),
            )

    def tempered(self) -> np.ndarray:
        """Every ingredient's logits over the temperature that fits it best (Guo et al. 2017, arXiv 1706.04599)."""
        labels = self.store.labels[self.fitting]
        scaled = np.empty_like(self.logits)
        for i, logits in enumerate(self.logits):
            half = logits[self.fitting]
            fit = optimize.minimize_scalar(lambda t, half=half: losses(half * np.exp(t), labels).mean())
            scaled[i] = logits * np.exp(fit.x)
        return scaled

    def reduced(self) -> np.ndarray:
        """The ingredients' mean logits, and their differences from it in the few directions where those are largest."""
        n = len(self.logits)
        centre = self.logits.mean(axis=0)
        values, vectors = np.linalg.eigh(np.tensordot(*[(self.logits - centre).reshape(n, -1)] * 2, axes=(1, 1)))
        largest = vectors[:, values.argsort()[-RANK:]]
        return centre + np.tensordot(largest @ largest.T, self.logits - centre, axes=1)

    def features_and_heads(self) -> tuple[np.ndarray, np.ndarray, np.ndarray] | None:
        """Inputs of the last linear layer, its weights and its biases, of every ingredient.

        None where the logits are not what that layer gives, as in networks that compare two embeddings.
        """
        store, parts = self.store, []
        for i, expected in enumerate(self.logits):
            network = store.verifier.network(radin.Recipe.subset(store.names, [i]))
            layers = [layer for layer in network.modules() if isinstance(layer, torch.nn.Linear)]
            if not layers:
                return None
            head, seen = layers[-1], list[np.ndarray]()

            def keep(_: object, inputs: tuple[torch.Tensor, ...], seen: list[np.ndarray] = seen) -> None:
                seen.append(inputs[0].double().cpu().numpy())

            with head.register_forward_pre_hook(keep):
                for _ in store.task.logits(network, store.task.rows):
                    pass
            features, weights = np.concatenate(seen), head.weight.double().cpu().numpy()
            bias = np.zeros(len(weights)) if head.bias is None else head.bias.double().cpu().numpy()
            if features.ndim != 2 or len(weights) != expected.shape[1] or len(features) != len(expected):
                return None
            if np.abs(features @ weights.T + bias - expected).max() > SAME * max(1.0, np.abs(expected).max()):
                return None
            parts.append((features, weights, bias))
        features, heads, biases = (np.array(part) for part in zip(*parts, strict=True))
        return features, heads, biases


def mixed(recipe: radin.Recipe, arrays: np.ndarray) -> np.ndarray:
    """The average of the members' arrays, one along the first axis for each ingredient."""
    members = list(recipe.members)
    return np.tensordot(np.array(recipe.weights)[members], arrays[members], axes=1)
