"""Every benchmark can be imported from where it lies; no type checker looks at them."""

import pkgutil
from importlib import import_module

import pytest

import benchmarks

MODULES = sorted(one.name for one in pkgutil.walk_packages(benchmarks.__path__, "benchmarks."))


def test_the_list_is_of_all_folders() -> None:
    assert {name.split(".")[1] for name in MODULES} >= {"compare", "comparison", "speed", "studies", "zoos"}


@pytest.mark.parametrize("name", MODULES)
def test_a_benchmark_imports(name: str) -> None:
    assert import_module(name).__doc__, f"{name} has no docstring"
