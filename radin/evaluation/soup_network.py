"""The task's one network, filled with one recipe after another. A network is made and filled here, and only here."""

from __future__ import annotations

from functools import cached_property

import torch

from radin.evaluation.batchnorm import keeps_statistics
from radin.recipe import Recipe
from radin.tasks.task import Task
from radin.weights.filler import Filler, names_in
from radin.weights.pool import Pool

#: Largest difference, relative to the largest logit, at which stored logits and a fresh first batch count as the same.
#: Kernels of another batch size or library version differ by about 1e-5 in float32; other weights by far more. By the
#: least precise dtype that the network computes in.
SAME_LOGITS = {torch.float64: 1e-3, torch.float32: 1e-3, torch.float16: 1e-2, torch.bfloat16: 5e-2}


class SoupNetwork:
    """One network on the task's device, made when it is first needed.

    Arguments:
        task: builds the network.
        pool: the ingredients.
        batchnorm: policy for BatchNorm statistics of soups.
    """

    def __init__(self, task: Task, pool: Pool, batchnorm: str) -> None:
        self._task, self._pool, self._batchnorm = task, pool, batchnorm

    @cached_property
    def module(self) -> torch.nn.Module:
        """The network, whatever it was last filled with."""
        return self._task.network()

    @cached_property
    def _filler(self) -> Filler:
        return Filler(self.module, self._pool, batchnorm=self._batchnorm)

    def make(self) -> None:
        """Makes the network and compares it with the pool; called before anything is charged.

        Raises:
            IncompatibleError: the network does not fit the pool.
            TaskError: the task's own code failed.
        """
        _ = self._filler

    def fill(self, recipe: Recipe) -> torch.nn.Module:
        """The network, filled with the soup of a recipe; its BatchNorm statistics are those of the policy's average."""
        self._filler.fill(recipe)
        return self.module

    @property
    def keeps_statistics(self) -> bool:
        """Whether the network has BatchNorm statistics."""
        return keeps_statistics(self.module)

    def names(self) -> dict[str, str]:
        """`{name in the network's state dict: the pool's name for it}`."""
        return names_in(self._pool, self.module)

    @property
    def tolerance(self) -> float:
        """The entry of `SAME_LOGITS` for this network."""
        dtypes = {tensor.dtype for tensor in self.module.parameters()}
        if self._task.autocast:
            dtypes.add(getattr(torch, self._task.autocast))
        if self._task.torch_device.type != "cpu":
            dtypes.add(torch.float16)  # convolutions may compute in TF32, which has as many bits
        return max((SAME_LOGITS[dtype] for dtype in dtypes & SAME_LOGITS.keys()), default=SAME_LOGITS[torch.float32])
