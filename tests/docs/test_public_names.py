"""One public door: shipped plugins, examples and snippets import nothing of radin but its public names."""

import ast
import importlib
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import radin

ROOT = Path(__file__).parents[2]
PUBLIC = ("radin", "radin.errors", "radin.scoring", "radin.tasks", "radin.testing")
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
LAZY = ("radin", "radin.scoring", "radin.tasks")


def sources() -> Iterator[tuple[str, str]]:
    """Python that uses radin from outside, with where it stands."""
    for file in [*sorted((ROOT / "plugins").rglob("*.py")), *sorted((ROOT / "docs" / "examples").rglob("*.py"))]:
        yield str(file.relative_to(ROOT)), file.read_text()
    for page in PAGES:
        for i, snippet in enumerate(re.findall(r"```python\n(.*?)```", page.read_text(), re.DOTALL)):
            yield f"{page.relative_to(ROOT)}[{i}]", snippet


SOURCES = dict(sources())


def used(tree: ast.AST) -> Iterator[tuple[str, str]]:
    """Modules of radin that are imported, and names that are taken of them; `*` is the module itself."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((one.name, "*") for one in node.names if one.name.partition(".")[0] == "radin")
        elif isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] == "radin":
            yield from ((str(node.module), one.name) for one in node.names)
        elif isinstance(node, ast.Attribute) and ast.unparse(node.value) in PUBLIC:
            yield ast.unparse(node.value), node.attr


@pytest.mark.parametrize("place", SOURCES)
def test_only_public_names_are_used(place: str) -> None:
    for module, name in used(ast.parse(SOURCES[place])):
        assert module in PUBLIC, f"{module} is not public"
        there = importlib.import_module(module)
        public = getattr(there, "__all__", None) or [one for one in vars(there) if not one.startswith("_")]
        assert name == "*" or name in public, f"{module}.{name} is not public"


def test_there_is_something_to_look_at() -> None:
    assert {"docs/plugins.md[0]", "plugins/radin_plugins/forward.py", "README.md[0]"} <= set(SOURCES)
    assert list(used(ast.parse("from radin.recipe import subset_rows\nradin.errors.InputError"))) == [
        ("radin.recipe", "subset_rows"),
        ("radin.errors", "InputError"),
        ("radin", "errors"),
    ]


@pytest.mark.parametrize("module", LAZY)
def test_a_type_checker_sees_the_names_that_load_on_first_use(module: str) -> None:
    there = importlib.import_module(module)
    checked = {
        name.asname
        for node in ast.walk(ast.parse(Path(str(there.__file__)).read_text()))
        if isinstance(node, ast.ImportFrom)
        for name in node.names
        if name.asname
    }
    assert checked == set(there.__all__) <= set(dir(there))
    for name in there.__all__:
        assert getattr(there, name) is not None
    with pytest.raises(AttributeError, match=f"module '{module}' has no attribute 'nothing'"):
        there.nothing  # noqa: B018


def test_the_page_lists_every_public_name() -> None:
    page = (ROOT / "docs" / "reference.md").read_text()
    for module in LAZY:
        section = page.split(f"## {module}\n")[1].split("\n## ")[0]
        listed = set(re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE))
        modules = {one.rpartition(".")[2] for one in PUBLIC}
        assert listed == set(importlib.import_module(module).__all__) - modules


def test_importing_radin_imports_nothing_heavy() -> None:
    heavy = "{'torch', 'numpy', 'rich', 'click', 'pluggy'}"
    code = f"import radin, radin.tasks, radin.scoring, sys; print(sorted({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout == "[]\n"
    assert radin.Bars.__module__ == "radin.common.bars"
