"""The notebook runs from its first cell to its last, in an empty folder, and shows what it was saved with."""

import ast
import json
from pathlib import Path
from typing import Any

import pytest
from helpers.paths import ROOT

pytest.importorskip("sklearn")

NOTEBOOK = json.loads((ROOT / "docs" / "examples" / "first_soup.ipynb").read_text())
CELLS = [cell for cell in NOTEBOOK["cells"] if cell["cell_type"] == "code"]


def shown(code: str, names: dict[str, Any]) -> Any:
    """Runs a cell, and gives the value of its last line."""
    *first, last = ast.parse(code).body
    assert isinstance(last, ast.Expr), "each cell ends in what it shows"
    exec(compile(ast.Module(first, []), "notebook", "exec"), names)
    return eval(compile(ast.Expression(last.value), "notebook", "eval"), names)


def test_all_cells_run_and_show_what_they_were_saved_with(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {"__name__": "__main__"}
    for cell in CELLS:
        value = shown("".join(cell["source"]), names)
        (output,) = cell["outputs"]
        saved = "".join(output["data"]["text/plain"])
        assert repr(value)[:9] == saved[:9]  # numbers may differ between machines
        if "text/html" in output["data"]:
            assert "<table>" in value._repr_html_() and "<table>" in "".join(output["data"]["text/html"])
    assert names["result"].soup_won and 0.9 < float(value.split()[0]) < 1
    assert (tmp_path / "first" / "report.html").is_file()


def test_no_path_of_a_machine_is_saved() -> None:
    text = json.dumps(NOTEBOOK)
    assert "/tmp" not in text and "/home" not in text and "/root" not in text
