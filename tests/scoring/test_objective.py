"""The protocol of objectives: four members make one, and it can be searched."""

import numpy as np
import pytest
from helpers.objectives import Additive

import radin
from radin.scoring.objective import Objective


class Least:
    """The four members, and nothing else."""

    unit = "candidate"
    names = ("a", "b", "c")
    solo = np.array([1.0, 2.0, 3.0])

    def __call__(self, weights, /):
        return np.asarray(weights, dtype=np.float64) @ self.solo


def test_four_members_are_enough_to_be_searched():
    assert isinstance(Least(), Objective)
    assert isinstance(Additive([1.0]), Objective)
    assert radin.search("exhaustive", Least())[0].recipe.members == (0, 1, 2)


@pytest.mark.parametrize("lacking", ["unit", "names", "solo", "__call__"])
def test_each_of_them_is_needed(lacking):
    members = {name: one for name, one in vars(Least).items() if name != lacking}
    assert not isinstance(type("Lacking", (), members)(), Objective)
