"""The checks of a GPU, made on the CPU with tiny inputs; a process that takes too long is ended."""

import json
from pathlib import Path

import pytest

from benchmarks.gpu.__main__ import CHECKS, chosen, main
from benchmarks.gpu.check import Check, Setting, expect
from benchmarks.gpu.running import in_its_own, in_this_process, outcomes

ON_THE_CPU = {
    *("device", "filling", "filling-speed", "logits", "logits-static", "surrogates", "repeatable", "scratch"),
    *("recipes", "cpu-only", "same-logits", "flat", "vit", "vit-bfloat16"),
}


def test_all_checks_that_need_no_gpu_pass(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "gpu.json"
    assert main(["--device", "cpu", "--quick", "--json", str(path)]) == 0
    found = {row["name"]: row for row in json.loads(path.read_text())["checks"]}
    assert list(found) == [check.name for check in CHECKS]
    assert {name for name, row in found.items() if row["status"] == "passed"} == ON_THE_CPU
    assert all(row["said"] for row in found.values() if row["status"] == "skipped")
    assert "needs a GPU" in capsys.readouterr().out


def fails(setting: Setting) -> dict[str, object]:
    expect(False, "it does not hold")
    return {}


@pytest.mark.parametrize("side", [1, 2])
def test_a_check_that_fails_does_not_keep_others_from_being_made(tmp_path: Path, side: int) -> None:
    checks = [Check("a", "", fails, alone=True), Check("b", "", fails), Check("c", "", lambda setting: {})]
    found = list(outcomes(checks, Setting("cpu", True, tmp_path), in_this_process, 60, side))
    assert {one.name: one.status for one in found} == {"a": "failed", "b": "failed", "c": "passed"}
    assert found[-1].name == ("c" if side == 1 else "a")  # beside others, what has to be alone comes last


def test_checks_for_which_no_time_is_left_are_skipped(tmp_path: Path) -> None:
    (found,) = outcomes([Check("a", "", fails)], Setting("cpu", True, tmp_path), in_this_process, 0, 1)
    assert (found.status, found.said) == ("skipped", "no time was left")


def test_a_process_that_takes_too_long_is_ended(tmp_path: Path) -> None:
    (check,) = chosen(["device"], [])
    assert in_its_own(check, Setting("cpu", True, tmp_path), 0.05).status == "too slow"
