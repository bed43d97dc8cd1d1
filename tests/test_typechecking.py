"""Types and shapes of radin's functions are enforced while tests run."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import pytest
from beartype import beartype
from helpers.typechecking import CALLS, checked
from jaxtyping import Int, Shaped

from radin.common.wording import counted


@checked(typechecker=beartype)
def rows(logits: Shaped[np.ndarray, "m c"], labels: Int[np.ndarray, " m"]) -> int:
    """A function as radin has many, which no other test calls."""
    return len(labels)


@contextmanager
@checked(typechecker=beartype)
def block(size: int) -> Iterator[int]:
    """A context, whose function makes a generator."""
    yield size


@checked(typechecker=beartype)
@dataclass(frozen=True)
class Columns:
    """A dataclass, whose fields share a size."""

    logits: Shaped[np.ndarray, "m c"]
    labels: Int[np.ndarray, " m"]


def test_wrong_types_are_caught_with_and_without_shapes() -> None:
    with pytest.raises(Exception, match="violates type hint"):
        counted("three", "soup")  # type: ignore[arg-type]
    with pytest.raises(Exception, match="Type-check error"):
        rows("logits", np.zeros(4, dtype=int))  # type: ignore[arg-type]
    with pytest.raises(Exception, match="Type-check error"), block("three"):  # type: ignore[arg-type]
        pass


def test_a_size_that_two_arguments_share_is_one() -> None:
    logits = np.zeros((5, 3))
    assert rows(logits, np.zeros(5, dtype=int)) == 5
    with pytest.raises(Exception, match="Type-check error"):
        rows(logits, np.zeros(4, dtype=int))
    with pytest.raises(Exception, match="Type-check error"):
        Columns(logits, np.zeros(4, dtype=int))
    assert rows(np.zeros((7, 3)), np.zeros(7, dtype=int)) == 7  # sizes of another call


def test_after_many_calls_some_are_checked() -> None:
    refused = 0
    for _ in range(5 * CALLS):
        try:
            rows(np.zeros((5, 3)), np.zeros(4, dtype=int))
        except Exception:
            refused += 1
    assert 4 <= refused <= CALLS + 5
