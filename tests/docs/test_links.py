"""Links, commands and paths in the documents and in docstrings lead to something that is there."""

import re
from importlib.util import find_spec
from pathlib import Path

import pytest
from helpers.paths import ROOT

DOCUMENTS = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").glob("*.md"))]
SOURCES = [
    file
    for folder in ("radin", "plugins", "benchmarks", "tests", "docs")
    for file in sorted((ROOT / folder).rglob("*.py"))
    if file != Path(__file__)
]
TEXTS = [*DOCUMENTS, *SOURCES, ROOT / "pyproject.toml", ROOT / "Makefile"]

#: Names in capitals stand for any, as in `tests/ROOM/test_MODULE.py`.
PLACEHOLDER = re.compile("[A-Z]{3}")


def anchors(document: Path) -> set[str]:
    """The anchors of a document's headings, as GitHub and MkDocs make them."""
    headings = re.findall(r"^#+ (.+)$", document.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_link_within_the_repository_leads_somewhere(document: Path) -> None:
    for target, anchor in re.findall(r"\]\(([^)#:]*)(?:#([^)]*))?\)", document.read_text()):
        file = document.parent / target if target else document
        assert file.exists(), f"{document.name} links to {target}"
        if anchor:
            assert anchor in anchors(file), f"{document.name} links to {target}#{anchor}"


def test_every_module_that_is_run_is_there() -> None:
    named = {(text, one) for text in TEXTS for one in re.findall(r"python -m (benchmarks[\w.]*)", text.read_text())}
    assert len(named) > 20
    for text, module in named:
        name = module.rstrip(".")
        spec = find_spec(name)
        assert spec is not None, f"{text.relative_to(ROOT)}: python -m {name}"
        if spec.submodule_search_locations is not None:
            assert find_spec(f"{name}.__main__") is not None, f"{text.relative_to(ROOT)}: {name} is no program"


def test_every_path_that_is_named_is_there() -> None:
    path = re.compile(r"(?<![\w/.-])((?:tests|benchmarks|radin|docs|plugins)/[\w/.-]*\.(?:py|md|png|json|ipynb))\b")
    named = {(str(text.relative_to(ROOT)), one) for text in TEXTS for one in path.findall(text.read_text())}
    assert len(named) > 20
    assert {(text, one) for text, one in named if not ((ROOT / one).exists() or PLACEHOLDER.search(one))} == set()
