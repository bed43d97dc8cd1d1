"""Logits alone: collected once, and found again by a whole run."""

from pathlib import Path

from helpers.small import task

import radin


def test_logits_are_collected_once(checkpoints: list[Path], tmp_path: Path) -> None:
    pool = radin.Pool(checkpoints)
    for _ in range(2):
        collected = radin.collect_logits(pool, task(), run_dir=tmp_path / "run")
        assert (collected.folder, collected.passes, len(collected.bank)) == (tmp_path / "run" / "logits", 5, 5)
    assert not (tmp_path / "run" / "soup.safetensors").exists()
    assert radin.LogitBank.from_folder(collected.folder).n_samples == collected.bank.n_samples
    result = radin.make_soup(pool, task(), budget=radin.Budget(soups=1), run_dir=tmp_path / "run")
    assert (result.spent.passes, result.spent.soups) == (5, 1)
