"""A run that is killed goes on with the same command, and ends as if nothing had happened."""

import json
import os
import signal
import subprocess
from pathlib import Path

import pytest
from helpers.processes import B, command, start, wait_for
from helpers.small import make_pool

import radin


def evaluations(run: Path) -> tuple[int, int, int]:
    """Passes, soups and lost evaluations in a run's ledger."""
    with radin.Ledger(run / "ledger.db") as ledger:
        lost = sum(ledger.count(kind, "lost") for kind in ("pass", "soup"))
        return ledger.count("pass"), ledger.count("soup"), lost


def test_killed_in_every_stage_it_ends_as_an_undisturbed_run(checkpoints: list[Path], tmp_path: Path) -> None:
    run, calm = tmp_path / "run", tmp_path / "calm"
    stages = [  # in the first pass, in a later one, between the stages, in a soup
        lambda: (run / "ledger.db").exists(),
        lambda: (run / "logits" / "run1.npy").exists(),
        lambda: (run / "logits" / "run4.npy").exists(),
        lambda: any((run / "soups").glob("*.part")),
    ]
    call = command(checkpoints, run, pause=0.05)
    for reached in stages:
        process = start(call)
        wait_for(reached, process)
        process.send_signal(signal.SIGKILL)
        process.communicate()
    resumed = json.loads(subprocess.run(call, check=True, capture_output=True, text=True).stdout)
    undisturbed = subprocess.run(command(checkpoints, calm, pause=0.05), check=True, capture_output=True, text=True)
    expected = json.loads(undisturbed.stdout)
    for part in ("best", "leaderboard", "verified", "report", "settings"):
        assert resumed[part] == expected[part]
    assert (run / "soup.safetensors").read_bytes() == (calm / "soup.safetensors").read_bytes()
    passes, soups, lost = evaluations(run)
    assert (passes, soups) == (5, B)
    assert 1 <= lost <= len(stages)  # a kill between two evaluations loses none
    assert evaluations(calm) == (5, B, 0)
    assert not list(run.glob("**/*.part"))


def test_killed_in_a_soup_it_keeps_the_statistics_that_it_has_recomputed(tmp_path: Path) -> None:
    paths, run = make_pool(tmp_path / "pool", 3, batchnorm=True), tmp_path / "run"
    call = [*command(paths, run, pause=0.1), "--task-arg", "batchnorm=true"]
    process = start(call)
    wait_for(lambda: any((run / "statistics").glob("*.safetensors")), process)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    kept = {path: path.stat().st_mtime_ns for path in (run / "statistics").glob("*.safetensors")}
    subprocess.run(call, check=True, capture_output=True)
    assert {path: path.stat().st_mtime_ns for path in kept} == kept
    with radin.Ledger(run / "ledger.db") as ledger:
        done = [ledger.count(kind) for kind in ("soup", "statistics")]
        lost = [ledger.count(kind, "lost") for kind in ("soup", "statistics")]
    # One for the best ingredient, which the winner is compared with; of three ingredients, B soups and the uniform one.
    assert done == [B, B + 2]
    assert sum(lost) <= 1  # what the kill hit: a soup's pass, or the next soup's statistics; nothing between the two


def test_interrupted_it_says_how_to_go_on(checkpoints: list[Path], tmp_path: Path) -> None:
    run = tmp_path / "run"
    process = start(command(checkpoints, run, pause=0.2))
    wait_for(lambda: (run / "logits" / "run1.npy").exists(), process)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate()
    assert process.returncode == 130
    assert "Traceback" not in errors
    assert f"radin soup {checkpoints[0]}" in errors
    assert f"--run-dir {run}" in errors
    passes, _, lost = evaluations(run)
    assert passes >= 1
    assert lost <= 1


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


def test_two_processes_do_not_share_a_run_folder(checkpoints: list[Path], tmp_path: Path) -> None:
    call = command(checkpoints, tmp_path / "run", pause=0)
    with radin.Ledger(tmp_path / "run" / "ledger.db"):
        second = subprocess.run(call, capture_output=True, text=True, check=False)
    assert second.returncode == 2
    assert "another process is using this run folder" in second.stderr
    subprocess.run(call, check=True, capture_output=True)


@pytest.mark.skipif(os.name != "posix", reason="limits on the size of files are POSIX's")
def test_a_full_disk_loses_nothing(checkpoints: list[Path], tmp_path: Path) -> None:
    """A limit on file size stands in for a full disk: the first soup is larger than what may be written."""
    run = tmp_path / "run"
    limited = "import resource, signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN); "
    limited += "resource.setrlimit(resource.RLIMIT_FSIZE, ({0}, {0})); "
    call = command(checkpoints, run, pause=0)
    whole = list(call)
    call[2] = limited.format(3000) + call[2]
    full = subprocess.run(call, capture_output=True, text=True, check=False)
    assert full.returncode == 2, full.stderr
    assert "free some space" in full.stderr
    assert "Traceback" not in full.stderr
    assert not list(run.glob("**/*.part"))
    subprocess.run(whole, check=True, capture_output=True)
    assert evaluations(run)[:2] == (5, B)
