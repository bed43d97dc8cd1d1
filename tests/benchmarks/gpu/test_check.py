"""A check passes, fails with what was said, or is skipped with the reason; none takes others down."""

from pathlib import Path

import pytest
import torch

from benchmarks.gpu.check import Check, Setting, Skipped, expect, outcome_of, same_bytes


@pytest.fixture
def setting(tmp_path: Path) -> Setting:
    return Setting("cpu", True, tmp_path)


def fails(setting: Setting) -> dict[str, object]:
    expect(False, "two and two are five")
    return {}


def breaks(setting: Setting) -> dict[str, object]:
    raise ZeroDivisionError("by zero")


def declines(setting: Setting) -> dict[str, object]:
    raise Skipped("not today")


def test_outcomes_say_what_happened(setting: Setting) -> None:
    passed = outcome_of(Check("good", "it holds", lambda setting: {"answer": 42}), setting)
    assert (passed.status, passed.figures, passed.said) == ("passed", {"answer": 42}, "")
    failed = outcome_of(Check("bad", "it holds", fails), setting)
    assert (failed.status, failed.said) == ("failed", "two and two are five")
    broken = outcome_of(Check("broken", "it holds", breaks), setting)
    assert broken.status == "failed"
    assert broken.said.startswith("ZeroDivisionError: by zero")
    assert outcome_of(Check("shy", "it holds", declines), setting).said == "not today"


def test_a_check_whose_library_is_missing_is_skipped(setting: Setting) -> None:
    found = outcome_of(Check("far", "it holds", fails, needs=("torch", "no_such_library")), setting)
    assert (found.status, found.said) == ("skipped", "no_such_library is not installed")


def test_bytes_tell_zeros_of_either_sign_apart() -> None:
    assert same_bytes(torch.tensor([torch.nan]), torch.tensor([torch.nan]))
    assert not same_bytes(torch.tensor([0.0]), torch.tensor([-0.0]))
    assert not same_bytes(torch.tensor([1]), torch.tensor([1], dtype=torch.int32))
