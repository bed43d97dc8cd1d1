"""The study of searches at scale."""

import json
from pathlib import Path

from benchmarks.studies import scale


def test_search_at_scale_says_how_it_ended(tmp_path: Path, capsys) -> None:
    command = ["--searcher", "greedy", "exhaustive", "--ingredients", "26", "--seconds", "5", "--out", str(tmp_path)]
    assert scale.main(command) == 1, "a searcher that refuses is no success"
    greedy, exhaustive = (json.loads(line) for line in (tmp_path / "scale.jsonl").read_text().splitlines())
    assert (greedy["charged"], greedy["stopped"], greedy["error"]) == (26, "finished", None)
    assert "too many to score" in exhaustive["error"]
    assert "| greedy | 26 | 26 |" in capsys.readouterr().out
