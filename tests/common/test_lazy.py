"""Public names that load on first use."""

import sys
from types import ModuleType

import pytest

from radin.common.lazy import lazy


@pytest.fixture
def package(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    made = ModuleType("lazy_package")
    monkeypatch.setitem(sys.modules, "lazy_package", made)
    monkeypatch.setitem(sys.modules, "lazy_package.part", ModuleType("lazy_package.part"))
    homes = {"square_root": "math:sqrt", "Fraction": "fractions"}
    made.__getattr__, made.__dir__ = lazy("lazy_package", homes, ["part"])  # type: ignore[method-assign]
    return made


def test_a_name_comes_from_its_home_and_is_kept(package: ModuleType) -> None:
    from fractions import Fraction
    from math import sqrt

    assert "Fraction" not in vars(package)
    assert package.Fraction is Fraction
    assert vars(package)["Fraction"] is Fraction
    assert package.square_root is sqrt
    assert package.part is sys.modules["lazy_package.part"]


def test_all_names_are_listed_before_they_load(package: ModuleType) -> None:
    assert {"Fraction", "square_root", "part", "__name__"} <= set(dir(package))


def test_other_names_are_attribute_errors(package: ModuleType) -> None:
    with pytest.raises(AttributeError, match="module 'lazy_package' has no attribute 'sqrt'"):
        _ = package.sqrt
