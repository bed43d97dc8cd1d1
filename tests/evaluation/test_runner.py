"""The runner keeps as many evaluations under way as its executor takes, and ends them in order."""

from contextlib import ExitStack
from pathlib import Path

import pytest
from helpers.small import task

import radin
from radin.evaluation.evaluator import Evaluator
from radin.evaluation.run_folder import RunFolder


@pytest.fixture
def evaluator(checkpoints: list[Path], tmp_path: Path):
    with RunFolder(tmp_path / "run") as folder:
        yield Evaluator(radin.Pool(checkpoints), task(batch_size=64), folder)


class Wide:
    """An executor that takes several at once, and stands for one of many processes."""

    def __init__(self, inner, at_once: int) -> None:
        self.at_once, self._inner = at_once, inner

    def logits(self, job, size):
        return self._inner.logits(job, size)

    def statistics(self, job, size):
        return self._inner.statistics(job, size)

    def close(self) -> None:
        """Holds nothing."""


@pytest.mark.parametrize(("at_once", "order"), [(1, "aAbBcC"), (2, "abAcBC"), (9, "abcABC")])
def test_evaluations_begin_ahead_and_end_in_order(evaluator: Evaluator, at_once: int, order: str) -> None:
    happened: list[str] = []

    def begin(name: str):
        def started(charged: ExitStack):
            happened.append(name)
            return lambda: happened.append(name.upper())

        return started

    runner = evaluator.runner
    runner.executor = Wide(runner.executor, at_once)
    runner.run_all([begin(name) for name in "abc"])
    assert "".join(happened) == order


def test_an_error_closes_every_charge_that_is_open(evaluator: Evaluator) -> None:
    closed: list[str] = []

    def begin(name: str):
        def started(charged: ExitStack):
            charged.callback(closed.append, name)

            def finish() -> None:
                raise ValueError(name)

            return finish

        return started

    runner = evaluator.runner
    runner.executor = Wide(runner.executor, 3)
    with pytest.raises(ValueError, match="a"):
        runner.run_all([begin(name) for name in "abc"])
    assert sorted(closed) == ["a", "b", "c"]


def test_passes_under_way_together_give_the_logits_of_one_after_the_other(
    evaluator: Evaluator, checkpoints: list[Path], tmp_path: Path
) -> None:
    evaluator.runner.executor = Wide(evaluator.runner.executor, 3)
    wide = evaluator.collect()
    with RunFolder(tmp_path / "other") as folder:
        narrow = Evaluator(radin.Pool(checkpoints), task(batch_size=64), folder).collect()
    for i in range(len(wide)):
        assert wide.read(i, 0, wide.n_samples).tobytes() == narrow.read(i, 0, narrow.n_samples).tobytes()
    assert evaluator.folder.ledger.count("pass") == len(checkpoints)
