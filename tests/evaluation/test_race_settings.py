"""The rule of a race: where its stages end, and which settings are refused."""

import numpy as np
import pytest

from radin.errors import InputError
from radin.evaluation.race_settings import RaceSettings


def test_stages_that_are_no_larger_are_skipped_and_few_ingredients_or_rows_run_in_full():
    rule = RaceSettings()
    assert rule.ends(10, 10_000) == (500, 2_000, 10_000)
    assert rule.ends(10, 2_000) == (200, 400, 2_000)
    assert rule.ends(10, 800) == (200, 800)
    assert rule.ends(10, 200) == (200,)
    assert rule.ends(10, 150) == (150,)
    assert rule.ends(3, 10_000) == (10_000,)


def test_stages_end_between_groups_and_the_first_has_several() -> None:
    groups = np.repeat(np.arange(100), [30, 5] * 50)
    rule = RaceSettings(first_rows=100)
    assert rule.ends(10, 1_750, groups) == (350, 1_750)  # 20 groups, and a fifth of the samples
    assert RaceSettings(first_rows=100, first_groups=2).ends(10, 1_750, groups) == (100, 350, 1_750)
    assert RaceSettings(first_rows=101, first_groups=2).ends(10, 1_750, groups) == (105, 350, 1_750)
    assert RaceSettings(first_groups=101).ends(10, 1_750, groups) == (1_750,)
    assert rule.ends(3, 1_750, groups) == (1_750,)


@pytest.mark.parametrize(
    "wrong",
    [
        {"stages": (0.2, 0.05)},
        {"stages": (0.0,)},
        {"stages": (1.0,)},
        {"z": -1.0},
        {"z": float("nan")},
        {"halves": -1},
        {"votes": 0},
        {"first_rows": 1},
        {"first_groups": 1},
        {"rows_per_half": 1},
        {"smallest_pool": 0},
    ],
)
def test_settings_out_of_range_are_refused(wrong):
    with pytest.raises(InputError, match="expected"):
        RaceSettings(**wrong)


def test_a_race_is_a_bool_or_its_settings() -> None:
    rule = RaceSettings(first_rows=50)
    assert RaceSettings.of(False) is None
    assert RaceSettings.of(True) == RaceSettings()
    assert RaceSettings.of(rule) is rule
    assert [RaceSettings.of(None, n) is None for n in (8, 9)] == [True, False]
    with pytest.raises(InputError, match="RaceSettings"):
        RaceSettings.of("yes")
