"""Memory that runs out makes batches smaller, and soup after soup takes no more of it."""

from __future__ import annotations

import resource
import shutil

import numpy as np
import torch

import radin
from benchmarks.gpu import small
from benchmarks.gpu.check import Check, Figures, Setting, expect

#: Bytes that are left free on the card.
LEFT = 2 << 30

#: Samples of a batch that does not fit there.
ASKED = 4096

#: Mebibytes of the host's memory by which a process may grow between the fifth soup and the last.
GROWTH = 64


def runs_out(setting: Setting) -> Figures:
    """Runs batches that do not fit on a card that is nearly full; the answer is that of the size that was found."""
    setting.need_cuda()
    device, width = setting.torch_device, 64
    pool = small.make_pool(setting.folder / "wide", width)
    free, _ = torch.cuda.mem_get_info(device)
    ballast = torch.empty(free - LEFT, dtype=torch.uint8, device=device)
    found, fitting = {}, ASKED
    for name in ("too large", "that fits"):
        run = setting.folder / f"memory-{name.replace(' ', '-')}"
        shutil.rmtree(run, ignore_errors=True)
        task = small.make_task(setting.device, 6000, 48, fitting, width)
        with radin.Verifier(pool, task, run) as verifier:
            score = verifier(np.full((1, len(pool)), 1 / len(pool)))
            bank = verifier.bank
            rows = np.stack([bank.read(i, 0, bank.n_samples) for i in range(len(bank))])
            fitting = verifier.folder.batch_size or fitting
        found[name] = score, rows
    del ballast
    expect(fitting < ASKED, "memory did not run out, so this check shows nothing")
    same = all(np.array_equal(one, other) for one, other in zip(found["too large"], found["that fits"], strict=True))
    expect(same, "logits or scores differ from those of a run with the size that fits")
    return {"batch size asked for": ASKED, "batch size that fits": fitting}


def flat(setting: Setting) -> Figures:
    """Verifies 20 soups, and compares memory after the fifth with memory after the last."""
    device, soups = setting.torch_device, setting.sized(20, 3)
    pool = small.make_pool(setting.folder / "small-flat")
    task = small.make_task(setting.device, setting.sized(small.SAMPLES, 40))
    run = setting.folder / "flat"
    shutil.rmtree(run, ignore_errors=True)
    rng, seen = np.random.default_rng(0), []
    with radin.Verifier(pool, task, run) as verifier:
        for _ in range(soups):
            verifier(rng.dirichlet(np.ones(len(pool)))[None])
            on_device = (0, 0)
            if setting.on_cuda:
                torch.cuda.synchronize(device)
                on_device = torch.cuda.memory_allocated(device), torch.cuda.memory_reserved(device)
            seen.append((*on_device, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024))
    early, late = seen[min(4, soups - 1)], seen[-1]
    expect(late[0] == early[0], f"allocated on the device: {early[0]:,} after five soups, {late[0]:,} after {soups}")
    expect(late[1] <= early[1], f"reserved on the device: {early[1]:,} after five soups, {late[1]:,} after {soups}")
    expect(late[2] - early[2] < GROWTH, f"the process grew by {late[2] - early[2]:.0f} MiB")
    return {
        "soups": soups,
        "on the device, MB": round(late[1] / 1e6),
        "growth of the process, MiB": round(late[2] - early[2], 1),
    }


EXPANDABLE = dict.fromkeys(("PYTORCH_CUDA_ALLOC_CONF", "PYTORCH_ALLOC_CONF"), "expandable_segments:True")

CHECKS = (
    Check("memory", "memory that runs out halves the batch size, and changes nothing else", runs_out, 90, alone=True),
    Check("memory-expandable", "the same with expandable segments", runs_out, 90, EXPANDABLE, alone=True),
    Check("flat", "20 soups take no more memory than five", flat, 60),
)
