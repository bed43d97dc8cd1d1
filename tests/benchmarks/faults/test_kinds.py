"""Every kind of changed checkpoint is the same for one seed and number."""

from __future__ import annotations

import warnings

import pytest

from benchmarks.faults.kinds import KINDS, make

#: The number of a checkpoint of each kind that is made twice here; the first that is small.
SOME = range(12)


@pytest.mark.parametrize("kind", KINDS)
def test_a_checkpoint_is_the_same_for_one_seed_and_number(kind: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for number in SOME:
            (drawn, one), (_, again) = make(0, number, kind), make(0, number, kind)
            assert drawn == kind
            assert (one.name, one.what, one.special) == (again.name, again.what, again.special)
            assert one.name in {**one.files, **one.special}
