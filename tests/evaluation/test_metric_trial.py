"""A metric of one's own is tried on the first network's outputs: a mistake in it costs one pass, not all of them."""

from pathlib import Path

import numpy as np
import pytest
from helpers.small import SAMPLES, SELECTING, Network, clouds, task

import radin
from radin.errors import InputError


def mistaken(outputs: np.ndarray, labels: np.ndarray) -> float:
    return outputs.no_such_thing


def of_all_classes(outputs: np.ndarray, labels: np.ndarray) -> float:
    if len(np.unique(labels)) < 3:
        raise ValueError("a class is missing")
    return float((outputs.argmax(axis=1) == labels).mean())


def accuracy(outputs: np.ndarray, labels: np.ndarray) -> float:
    return float((outputs.argmax(axis=1) == labels).mean())


def test_a_mistake_is_told_after_one_pass_which_is_kept(checkpoints: list[Path], tmp_path: Path) -> None:
    pool = radin.Pool(checkpoints)
    said = (
        rf"raised AttributeError.*outputs float32\[{SELECTING}, 3\] and labels int64\[{SELECTING}\]\. "
        r"This was its first call, on the outputs of run0, before all networks have run; mend it and run again"
    )
    for known in (pool, radin.Pool(checkpoints[:3])):  # the second time nothing more is run
        with pytest.raises(InputError, match=said):
            radin.Verifier(known, task(metric=mistaken), tmp_path / "run")
        with radin.Ledger(tmp_path / "run" / "ledger.db") as ledger:
            assert (ledger.count("pass"), ledger.count("pass", "lost")) == (1, 0)
    with radin.Verifier(pool, task(metric=accuracy), tmp_path / "run") as verifier:
        assert (verifier.ledger.count("pass"), verifier.ledger.rows("pass")) == (5, 5 * SELECTING)


def test_a_race_tells_mistakes_from_labels_that_are_missing_on_a_part(checkpoints: list[Path], tmp_path: Path) -> None:
    x, y = clouds(SAMPLES, 1)
    order = y.argsort()
    given = {"device": "cpu", "groups": np.arange(SAMPLES) // 30, "holdback": 0.2, "split_seed": 6}
    rule = radin.RaceSettings(stages=(0.01, 0.3), first_rows=2, first_groups=2)
    with pytest.raises(InputError, match=r"metric 'mistaken' raised AttributeError.* on the outputs of run0"):
        radin.Verifier(
            radin.Pool(checkpoints),
            radin.Task(Network, (x[order], y[order]), mistaken, **given),
            tmp_path / "a",
            race=rule,
        )
    with radin.Ledger(tmp_path / "a" / "ledger.db") as ledger:
        assert (ledger.count("stage"), ledger.count("pass")) == (1, 0)
    partly = radin.Task(Network, (x[order], y[order]), of_all_classes, **given)
    with radin.Verifier(radin.Pool(checkpoints), partly, tmp_path / "b", race=rule) as verifier:
        assert len(verifier.names) == 5
        assert verifier.solo.shape == (5,)
