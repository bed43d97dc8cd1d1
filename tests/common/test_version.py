"""One version, wherever it is stated."""

import re
import tomllib
from pathlib import Path

import radin

ROOT = Path(__file__).parents[2]


def test_package_and_citation_state_the_same_version():
    packaged = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["version"]
    cited = re.search(r"^version: (.+)$", (ROOT / "CITATION.cff").read_text("utf-8"), re.MULTILINE)
    assert cited is not None
    assert radin.__version__ == packaged == cited[1]
