"""Programs in processes of their own."""

import sys

from benchmarks.speed.processes import machine, run


def test_a_program_s_output_and_time_are_told() -> None:
    cost = run([sys.executable, "-c", "print('done')"])
    assert (cost.output, cost.error) == ("done\n", None)
    assert cost.seconds > 0
    assert cost.memory_mb >= 0  # 0 where the system does not tell


def test_a_program_that_fails_leaves_the_last_line_of_its_complaint() -> None:
    cost = run([sys.executable, "-c", "raise RuntimeError('not today')"])
    assert cost.error == "RuntimeError: not today"
    assert run([sys.executable, "-c", "raise SystemExit(3)"]).error == "no message"


def test_the_machine_is_described_by_its_cores() -> None:
    assert "cores" in machine()
