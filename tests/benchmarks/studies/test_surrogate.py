"""The other surrogates are what they say, and reduce to the plain one where they must."""

import json
from pathlib import Path

import numpy as np
import pytest
from helpers.tiny_zoo import TinyZoo

from benchmarks import zoos
from benchmarks.studies import surrogate


@pytest.fixture(scope="module")
def zoo(tmp_path_factory: pytest.TempPathFactory) -> TinyZoo:
    return TinyZoo(tmp_path_factory.mktemp("zoo"))


def test_the_command_measures_once_and_draws(zoo, tmp_path: Path, monkeypatch, capsys) -> None:
    monkeypatch.setitem(zoos._ZOOS, "tiny", zoo)
    command = ["--zoo", "tiny", "--subsets", "4", "--out", str(tmp_path)]
    assert surrogate.main(command) == surrogate.main(command) == 0
    rows = [json.loads(line) for line in (tmp_path / "surrogate.jsonl").read_text().splitlines()]
    assert len(rows) == 5 * 4, "five surrogates, sizes 2, 3 and 4 and all together"
    everything = rows[3]
    assert (everything["size"], everything["soups"]) == (None, 12)
    assert everything["gap"] == pytest.approx(np.mean(everything["real"]) - np.mean(everything["said"]))
    assert "| tiny | logits | all | 12 |" in capsys.readouterr().out
    assert (tmp_path / "surrogate.png").read_bytes().startswith(b"\x89PNG")
