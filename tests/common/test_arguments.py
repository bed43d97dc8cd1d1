"""Arguments of a wrong type are refused in one form of words."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import radin
from radin.common.arguments import check_arguments, expect
from radin.errors import InputError


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("options", [1]),
        ("options", "p=1"),
        ("run_dir", None),
        ("baselines", "greedy"),
        ("calibrate", "no"),
        ("holdback", "a fifth"),
        ("progress", True),
    ],
)
def test_a_wrong_type_is_named_with_what_was_expected(name: str, value: Any) -> None:
    with pytest.raises(InputError, match=f"^expected {name} as .*, got {value!r}".replace("[", r"\[")):
        check_arguments(**{name: value})


def test_every_type_that_may_be_given_passes() -> None:
    check_arguments(options=None, run_dir=Path("run"), baselines=["greedy"], calibrate=np.True_, holdback=np.float32(0))
    check_arguments(options={}, run_dir="run", baselines=(), calibrate=False, holdback=0, progress=radin.Bars())


def test_a_text_is_no_sequence_unless_texts_are_expected() -> None:
    expect("name", "a", (str, Sequence), "a text")
    with pytest.raises(InputError, match="expected names as several, got 'a'"):
        expect("names", "a", (Sequence,), "several")
