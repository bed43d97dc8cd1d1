"""One version, wherever it is stated."""

import re
from importlib.metadata import version
from pathlib import Path

import radin

ROOT = Path(__file__).parents[2]


def test_package_and_citation_state_the_same_version():
    cited = re.search(r"^version: (.+)$", (ROOT / "CITATION.cff").read_text("utf-8"), re.MULTILINE)
    assert cited is not None
    assert radin.__version__ == version("radin") == cited[1]
