"""Views of tensors hold the numbers that torch shows."""

from __future__ import annotations

import random

import pytest
import torch

from benchmarks.faults import examine, views


@pytest.mark.parametrize("way", views.VIEWS)
def test_the_numbers_of_a_view_are_those_that_torch_shows(way: str) -> None:
    base = torch.arange(4 * 6 * 8, dtype=torch.float32).reshape(4, 6, 8)
    view = views.VIEWS[way](random.Random(0), base)
    assert examine.bits(view) == view.contiguous().numpy().tobytes()
