"""Natural order: numbers in names count as numbers."""

from pathlib import Path

import pytest

from radin.common.natural_order import natural


@pytest.mark.parametrize(
    "names",
    [
        ["checkpoint-2", "checkpoint-10", "checkpoint-100"],
        ["epoch9/step5", "epoch9/step40", "epoch10/step1"],
        ["run1a", "run1b", "run02", "run3"],
        ["2", "10", "a", "a1", "b"],
        ["rate-0", "rate-0.001.pt", "rate-0.01.pt", "rate-0.05.pt", "rate-0.1.pt", "rate-0.25.pt", "rate-1.pt"],
        ["v0.9", "v0.10", "v0.10.1", "v10.0.9", "v10.0.10"],
        ["last", "v1.9", "v1.10", "v2.0"],
        [f"step{10**30}", f"step{10**30 + 1}"],
    ],
)
def test_names_come_as_people_sort_them(names: list[str]) -> None:
    mixed = names[1::2] + names[::2]
    assert sorted(mixed, key=natural) == names
    assert sorted(map(Path, mixed), key=natural) == list(map(Path, names))
