"""Two workers share one GPU by fractions, and give the answer of one process."""

from __future__ import annotations

import shutil

import numpy as np
import torch

import radin
from benchmarks.gpu import small
from benchmarks.gpu.check import Check, Figures, Setting, Skipped, expect
from radin.tasks.device import clock


def two_on_one(setting: Setting) -> Figures:
    """Collects and verifies in this process and with two workers on halves of the GPU."""
    if setting.quick:
        raise Skipped("workers take longer to start than a quick check may")
    torch.set_num_threads(1)
    pool = small.make_pool(setting.folder / "small-workers")
    found, figures = {}, {}
    for name, workers in (("one process", None), ("two workers", radin.Workers(count=2, gpus=0.5))):
        run = setting.folder / f"workers-{name.replace(' ', '-')}"
        shutil.rmtree(run, ignore_errors=True)
        task = small.make_task(setting.device)
        begun = clock(setting.torch_device)
        with radin.Verifier(pool, task, run, workers=workers) as verifier:
            bank = verifier.bank
            rows = np.stack([bank.read(i, 0, bank.n_samples) for i in range(len(bank))])
            found[name] = rows, verifier(np.full((1, len(pool)), 1 / len(pool)))
        figures[f"{name}, s"] = round(clock(setting.torch_device) - begun, 2)
    same = all(np.array_equal(one, other) for one, other in zip(*found.values(), strict=True))
    expect(same, "logits or scores differ from those of one process")
    return figures


CHECKS = (Check("workers", "two workers on one GPU give the answer of one process", two_on_one, 120, needs=("ray",)),)
