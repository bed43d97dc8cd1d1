"""The pool of text on a small vocabulary."""

from dataclasses import replace

import pytest
import torch
from helpers.debian_lists import archive
from helpers.fashion import tiny

import radin
from benchmarks.zoos import debian, sections
from radin.errors import DataError


def test_words_are_numbered_by_the_vocabulary_cut_off_and_padded(monkeypatch):
    monkeypatch.setattr(sections, "WORDS", 4)
    rows = sections.numbered(["Tool for C++!", "for for for for the", "…"], ["for", "c++"])
    assert rows.tolist() == [[1, 2, 3, 0], [2, 2, 2, 2], [1, 0, 0, 0]]


def test_a_tiny_text_pool_is_built_once_and_learns_its_sections(tmp_path, monkeypatch):
    monkeypatch.setattr(debian, "available", lambda: "\n".join(archive(12)))
    monkeypatch.setattr(sections, "SELECTION", 40)
    monkeypatch.setattr(sections, "TEST", 60)
    sweep = replace(tiny(sections.SWEEP), pretraining=replace(sections.SWEEP.pretraining, epochs=6, part=1.0))
    paths = sections.build(tmp_path / "pool", 2, sweep=sweep, jobs=1)
    monkeypatch.setattr(debian, "available", lambda: "")
    assert sections.build(tmp_path / "pool", 2, sweep=sweep, jobs=1) == paths
    task = sections.task(folder=tmp_path / "pool")
    assert len(task.rows) == 40 and len(task.test[1]) == 60
    with radin.Verifier(radin.Pool(paths), task, tmp_path / "run") as verifier:
        assert verifier.solo.min() > 0.5

    monkeypatch.setattr(sections, "TEST", 200)
    with pytest.raises(DataError, match="holds 240 descriptions, expected more than 240"):
        sections.task(folder=tmp_path / "pool")
    (tmp_path / "pool" / "data" / "sections.tsv").write_text("kde\tkonsole\n")
    with pytest.raises(DataError, match=r"expected one of admin.*got 'kde\\tkonsole'"):
        sections.task(folder=tmp_path / "pool")


def test_padding_changes_no_logits():
    torch.manual_seed(0)
    network = sections.Classifier()
    words = torch.randint(1, 50, (3, 5))
    padded = torch.cat([words, torch.zeros(3, 4, dtype=torch.int64)], dim=1)
    torch.testing.assert_close(network(padded), network(words))
