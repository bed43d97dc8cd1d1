"""A lab for all tests of this folder."""

from __future__ import annotations

import pytest

from benchmarks.faults.lab import Lab
from benchmarks.faults.nursery import Nursery


@pytest.fixture(scope="session")
def lab(nursery: Nursery, tmp_path_factory: pytest.TempPathFactory) -> Lab:
    """Tiny pools, and runs that nothing disturbs."""
    return Lab(tmp_path_factory.mktemp("lab"), nursery)
