"""Runs on two workers, and everything about them that must not depend on where networks run."""

from pathlib import Path

import radin

B = 2


def soup_of(paths: list[Path], task: radin.Task, run: Path, workers: int | radin.Workers | None = 2) -> radin.Result:
    budget = radin.Budget(soups=B, candidates=30)
    return radin.make_soup(radin.Pool(paths), task, budget=budget, run_dir=run, workers=workers, baselines=())


def outcome(result: radin.Result) -> tuple:
    """Everything that must not depend on where networks run."""
    board = [(str(one.recipe), one.score) for one in result.leaderboard]
    run = result.run_dir
    logits = {file.name: file.read_bytes() for folder in ("logits", "soups") for file in (run / folder).glob("*.npy")}
    return board, result.report.to_json(), (run / "soup.safetensors").read_bytes(), logits
