"""The small pool of the studies' tests."""

import pytest
from helpers.tiny_zoo import TinyZoo

from benchmarks.comparison.store import Store


@pytest.fixture(scope="module")
def zoo(tmp_path_factory):
    return TinyZoo(tmp_path_factory.mktemp("zoo"))


@pytest.fixture
def store(zoo):
    with Store(zoo) as opened:
        yield opened
