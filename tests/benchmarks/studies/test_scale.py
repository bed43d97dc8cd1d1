"""The study of searches at scale."""

import json
from pathlib import Path

from benchmarks.studies import scale


def test_a_search_at_scale_says_how_it_ended() -> None:
    row = scale.search("greedy", 26, 20_000, 60.0)
    assert (row["charged"], row["stopped"], row["error"]) == (26, "finished", None)
    assert "| greedy | 26 | 26 |" in scale.table([row | {"searcher": "greedy", "n": 26}])


def test_a_searcher_that_refuses_is_no_success(tmp_path: Path, capsys) -> None:
    assert scale.main(["--searcher", "exhaustive", "--ingredients", "26", "--out", str(tmp_path)]) == 1
    (row,) = map(json.loads, (tmp_path / "scale.jsonl").read_text().splitlines())
    assert "too many to score" in row["error"]
    assert "too many to score" in capsys.readouterr().out
