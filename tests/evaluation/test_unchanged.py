"""Stored logits are held against those that the network gives now."""

from pathlib import Path

import numpy as np
import pytest
from helpers.small import Network, task

from radin.errors import DataError
from radin.evaluation.unchanged import check_unchanged
from radin.recipe import Recipe

RECIPE = Recipe.subset(("run0", "run1"), [0])
STORED = np.linspace(-30, 30, 12, dtype=np.float32).reshape(4, 3)
HOW = {"network": Network(), "task": task(), "folder": Path("folder")}


def test_rounding_is_no_change() -> None:
    check_unchanged(RECIPE, STORED, STORED, **HOW)
    check_unchanged(RECIPE, STORED, np.nextafter(STORED, np.float32(np.inf)), **HOW)


@pytest.mark.parametrize("fresh", [STORED + np.float32(1), STORED[:3], STORED * np.float32(np.nan)])
def test_what_is_no_rounding_is_refused_by_name_and_folder(fresh: np.ndarray) -> None:
    with pytest.raises(DataError, match=r"run0.*stored in folder differ by"):
        check_unchanged(RECIPE, STORED, fresh, **HOW)
