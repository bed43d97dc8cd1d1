"""A pass that was started with one batch size starts over with another one."""

from collections.abc import Iterator

import numpy as np

from radin.evaluation.executor import Pass, Started
from radin.recipe import Recipe


class Counting:
    """An executor whose logits tell the batch size and the order of the starts."""

    at_once = 1

    def __init__(self) -> None:
        self.sizes: list[int] = []

    def logits(self, job: Pass, size: int) -> Iterator[np.ndarray]:
        self.sizes.append(size)
        return iter([np.full((size, 2), len(self.sizes), np.float32)])

    def statistics(self, job: Pass, size: int) -> dict[str, np.ndarray]:
        return {}

    def close(self) -> None:
        """Holds nothing."""


def test_the_first_start_is_used_once_and_only_for_its_own_size() -> None:
    executor = Counting()
    started = Started(executor, Pass(Recipe(("a", "b"), (1.0, 0.0)), "key", "a", "pass"), 8)
    assert executor.sizes == [8]  # at once: workers begin before anybody asks for results
    assert next(started.batches(8)).shape == (8, 2)
    assert executor.sizes == [8]
    assert next(started.batches(4)).shape == (4, 2)  # memory ran out in between
    assert executor.sizes == [8, 4]


def test_a_start_of_another_size_is_not_used() -> None:
    executor = Counting()
    started = Started(executor, Pass(Recipe(("a", "b"), (1.0, 0.0)), "key", "a", "pass"), 8)
    assert next(started.batches(2)).shape == (2, 2)  # a pass before this one found that 8 do not fit
    assert executor.sizes == [8, 2]
