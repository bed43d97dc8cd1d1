"""The page on the architecture lists the rooms that there are, in the order that the tool keeps."""

import re
import tomllib

from helpers.paths import ROOT

PAGE = (ROOT / "docs" / "architecture.md").read_text()
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())


def rooms() -> list[str]:
    """The rooms of the page's first table, in its order."""
    return re.findall(r"^\| `(radin\.\w+)` \|", PAGE, re.MULTILINE)


def test_the_page_lists_every_room() -> None:
    packages = {f"radin.{path.parent.name}" for path in (ROOT / "radin").glob("*/__init__.py")}
    modules = {f"radin.{path.stem}" for path in (ROOT / "radin").glob("*.py")} - {"radin.__init__", "radin.__main__"}
    assert sorted(rooms()) == sorted(packages | modules)


def test_the_order_is_that_of_the_layers() -> None:
    (contract,) = (one for one in PROJECT["tool"]["importlinter"]["contracts"] if one["type"] == "layers")
    assert rooms() == [layer for layer in contract["layers"] if layer != "radin.__main__"]


def test_every_path_on_the_page_exists() -> None:
    paths = re.findall(r"`((?:radin|plugins|benchmarks|tests|docs)/[\w/.]*)`", PAGE)
    real = [path for path in paths if not re.search("[A-Z]{3}", path)]  # those in capitals stand for any
    assert len(real) > 20
    assert [path for path in real if not (ROOT / path).exists()] == []


def test_every_package_in_benchmarks_is_on_the_page() -> None:
    folders = {path.parent.name for path in (ROOT / "benchmarks").glob("*/__init__.py")}
    assert {name for name in folders if f"`{name}/`" not in PAGE} == set()
