"""Tables become data frames where pandas is installed, and the error says so where it is not."""

import sys
import types
from pathlib import Path

import pytest
from helpers.small import task

import radin
from radin.common.frames import frame
from radin.errors import InputError


def test_rows_become_a_frame() -> None:
    pytest.importorskip("pandas")
    made = frame([{"score": 0.5, "recipe": {"a": 1.0}}, {"score": 0.25, "recipe": {"b": 1.0}}])
    assert made.columns.tolist() == ["score", "recipe"]
    assert made["score"].tolist() == [0.5, 0.25]


def test_without_pandas_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(InputError, match="pip install pandas"):
        frame([])


def test_a_result_and_a_shortlist_are_frames(checkpoints: list[Path], tmp_path: Path) -> None:
    result = radin.make_soup(radin.Pool(checkpoints), task(), run_dir=tmp_path, budget=radin.Budget(soups=1))
    bank = radin.LogitBank.from_folder(tmp_path / "logits")
    shortlist = radin.search("forward", radin.Surrogate(bank, metric="accuracy"), radin.Budget(candidates=20), top=2)
    pandas = types.ModuleType("pandas")
    pandas.DataFrame = list  # type: ignore[attr-defined]  # pandas is none of the packages that the tests need
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, "pandas", pandas)
        board, listed = result.to_frame(), shortlist.to_frame()
    assert [row["value"] for row in board] == [one.value for one in result.leaderboard]
    assert [row["recipe"] for row in listed] == [one.recipe.to_json() for one in shortlist]
