"""The tests that need CUDA, in a process of their own."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from benchmarks.gpu.check import Check, Figures, Setting, Skipped, expect

ROOT = Path(__file__).parents[2]

#: Folders with tests that run on every device there is.
FOLDERS = ("tests/weights", "tests/tasks", "tests/scoring", "tests/evaluation")


def cuda_tests(setting: Setting) -> Figures:
    """Runs them, and counts."""
    setting.need_cuda()
    if not (ROOT / "tests").is_dir():
        raise Skipped("the tests are not here")
    shared = ("-n", str(min(8, os.cpu_count() or 1)))
    plugins = ("-p", "no:cacheprovider", "-p", "no:benchmark")  # the latter warns where several processes run tests
    older = ("-W", "ignore:Sparse invariant checks")  # PyTorch 2.11 says so of tensors that were made without them
    command = [sys.executable, "-m", "pytest", *plugins, *older, *shared, "-k", "cuda or gpu", *FOLDERS]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    counts = {word: int(number) for number, word in re.findall(r"(\d+) (passed|failed|skipped|error)", ended.stdout)}
    expect(ended.returncode == 0, f"{ended.stdout[-3000:]}{ended.stderr[-1000:]}")
    return dict(counts)


CHECKS = (Check("tests", "the tests that need CUDA pass", cuda_tests, 150, needs=("pytest", "xdist", "beartype")),)
