"""The benchmark of workers compares soups by their bytes and prints a row for each number of workers."""

import pytest

from benchmarks.speed import workers

pytest.importorskip("ray")


def test_the_soup_of_two_workers_is_that_of_one_process(capsys: pytest.CaptureFixture[str]) -> None:
    assert workers.main(["--workers", "2", "--samples", "40"]) == 0
    said = capsys.readouterr().out
    assert "the same winner, score and soup.safetensors: yes" in said
    assert len(said.splitlines()) == 4


def test_pools_of_the_benchmarks_can_be_compared(capsys: pytest.CaptureFixture[str]) -> None:
    assert workers.main(["--workers", "--zoo", "digits", "--samples", "60"]) == 0  # in this process alone
    assert capsys.readouterr().out.split()[:2] == ["digits", "workers"]
