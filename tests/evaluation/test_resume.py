"""A run that is killed goes on with the same command, and ends as if nothing had happened."""

import json
import signal
from pathlib import Path

from helpers.processes import B, options, when_written, while_writing
from helpers.small import make_pool

import radin
from benchmarks.faults.nursery import Nursery


def evaluations(run: Path) -> tuple[int, int, int]:
    """Passes, soups and lost evaluations in a run's ledger."""
    with radin.Ledger(run / "ledger.db") as ledger:
        lost = sum(ledger.count(kind, "lost") for kind in ("pass", "soup"))
        return ledger.count("pass"), ledger.count("soup"), lost


def test_killed_in_every_stage_it_ends_as_an_undisturbed_run(
    nursery: Nursery, checkpoints: list[Path], tmp_path: Path
) -> None:
    run, calm = tmp_path / "run", tmp_path / "calm"
    moments = [  # in the first pass, after a later one, between the stages, in a soup
        while_writing("logits/run0.npy"),
        when_written("logits/run2.npy"),
        while_writing("soups/soup-*.npy"),
        when_written("soups/soup-*.npy"),
    ]
    for moment in moments:
        assert nursery.radin(*options(checkpoints, run), stop=moment).status == -signal.SIGKILL
    resumed, expected = (json.loads(nursery.radin(*options(checkpoints, one)).output) for one in (run, calm))
    for part in ("best", "leaderboard", "verified", "report", "settings"):
        assert resumed[part] == expected[part]
    assert (run / "soup.safetensors").read_bytes() == (calm / "soup.safetensors").read_bytes()
    assert evaluations(run) == (5, B, len(moments))
    assert evaluations(calm) == (5, B, 0)
    assert not list(run.glob("**/*.part"))


def test_killed_in_a_soup_it_keeps_the_statistics_that_it_has_recomputed(nursery: Nursery, tmp_path: Path) -> None:
    paths, run = make_pool(tmp_path / "pool", 3, batchnorm=True), tmp_path / "run"
    call = options(paths, run, "--task-arg", "batchnorm=true")
    assert nursery.radin(*call, stop=when_written("soups/soup-*.npy")).status == -signal.SIGKILL
    kept = {path: path.stat().st_mtime_ns for path in (run / "statistics").glob("*.safetensors")}
    assert len(kept) == 1
    assert nursery.radin(*call).status == 0
    assert {path: path.stat().st_mtime_ns for path in kept} == kept
    with radin.Ledger(run / "ledger.db") as ledger:
        done = [ledger.count(kind) for kind in ("soup", "statistics")]
        lost = [ledger.count(kind, "lost") for kind in ("soup", "statistics")]
    # One for the best ingredient, which the winner is compared with; of three ingredients, B soups and the uniform one.
    assert done == [B, B + 2]
    assert lost == [1, 0]


def test_interrupted_it_says_how_to_go_on(nursery: Nursery, checkpoints: list[Path], tmp_path: Path) -> None:
    run = tmp_path / "run"
    ended = nursery.radin(*options(checkpoints, run), stop=while_writing("logits/run2.npy", "SIGINT"))
    assert ended.status == 130
    assert "Traceback" not in ended.errors
    assert f"radin soup {checkpoints[0]}" in ended.errors
    assert f"--run-dir {run}" in ended.errors
    passes, _, lost = evaluations(run)
    assert (passes, lost) == (2, 1)


def test_a_search_on_real_soups_is_replayed_from_its_scores(checkpoints: list[Path], tmp_path: Path) -> None:
    """Greedy on the verifier, stopped after two soups: the third is the first that is evaluated anew."""
    from helpers.small import task

    pool = radin.Pool(checkpoints)
    with radin.Verifier(pool, task(), tmp_path / "a") as verifier:
        cut_off = radin.search("greedy", verifier, radin.Budget(soups=2), ledger=verifier.ledger)
        assert (cut_off.charged, verifier.ledger.count("soup")) == (2, 2)
    with radin.Verifier(pool, task(), tmp_path / "a") as verifier:
        whole = radin.search("greedy", verifier, radin.Budget(soups=None), ledger=verifier.ledger)
        assert (whole.charged, verifier.ledger.count("soup")) == (4, 4)
    with radin.Verifier(pool, task(), tmp_path / "b") as verifier:
        undisturbed = radin.search("greedy", verifier, radin.Budget(soups=None))
    assert whole.candidates == undisturbed.candidates


def test_two_processes_do_not_share_a_run_folder(nursery: Nursery, checkpoints: list[Path], tmp_path: Path) -> None:
    call = options(checkpoints, tmp_path / "run")
    with radin.Ledger(tmp_path / "run" / "ledger.db"):
        second = nursery.radin(*call)
    assert second.status == 2
    assert "another process is using this run folder" in second.errors
    assert nursery.radin(*call).status == 0


def test_a_full_disk_loses_nothing(nursery: Nursery, checkpoints: list[Path], tmp_path: Path) -> None:
    """A limit on file size stands in for a full disk: the first soup is larger than what may be written."""
    run = tmp_path / "run"
    call = options(checkpoints, run)
    full = nursery.call("helpers.processes:radin_with_small_files", [3000, call])
    assert full.status == 2, full.errors
    assert "free some space" in full.errors
    assert "Traceback" not in full.errors
    assert not list(run.glob("**/*.part"))
    assert nursery.radin(*call).status == 0
    assert evaluations(run)[:2] == (5, B)
