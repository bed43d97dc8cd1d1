"""Runs that are killed go on to the same answer, and runs on the CPU leave the GPU alone."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import torch

import radin
from benchmarks.gpu import small
from benchmarks.gpu.check import Check, Figures, Setting, Skipped, expect

#: Shares of the files of an undisturbed run at which others are killed.
KILLED_AT = (0.3, 0.6, 0.85)


def files_in(folder: Path) -> int:
    """Files of a run folder."""
    return sum(path.is_file() for path in folder.rglob("*")) if folder.exists() else 0


def answer(folder: Path) -> tuple[bytes, str]:
    """The soup, and the leaderboard without what differs from run to run."""
    said = json.loads((folder / "leaderboard.json").read_text())
    kept = {part: said[part] for part in ("best", "verified", "leaderboard", "baselines", "report")}
    return (folder / "soup.safetensors").read_bytes(), json.dumps(kept, sort_keys=True)


def kill_and_resume(setting: Setting) -> Figures:
    """Kills runs at several moments, and compares what the same command makes of them."""
    if setting.quick:
        raise Skipped("processes take longer to start than a quick check may")
    pool = small.make_pool(setting.folder / "small-kill")
    calm = setting.folder / "calm"
    expect(start(pool, calm, setting.device).wait() == 0, "the undisturbed run failed")
    expected, total, killed = answer(calm), files_in(calm), 0
    for share in KILLED_AT:
        folder = setting.folder / f"killed-{share}"
        shutil.rmtree(folder, ignore_errors=True)
        process = start(pool, folder, setting.device)
        while process.poll() is None and files_in(folder) < share * total:
            time.sleep(0.002)
        killed += process.poll() is None
        process.kill()
        process.wait()
        expect(start(pool, folder, setting.device).wait() == 0, f"the run killed at {share:.0%} did not go on")
        expect(answer(folder) == expected, f"the run killed at {share:.0%} came to another answer")
    return {"runs killed": killed, "files of a run": total}


def start(pool: radin.Pool, folder: Path, device: str) -> subprocess.Popen[bytes]:
    """A small run in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.gpu.small", str(pool.paths[0].parent), str(folder), device]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def same_on_both(setting: Setting) -> Figures:
    """Compares the logits of ingredients and of a soup on the device with those on the CPU, in float32 proper."""
    pool = small.make_pool(setting.folder / "small-both")
    found = {}
    torch.backends.cudnn.allow_tf32 = False
    for device in ("cpu", setting.device):
        task = small.make_task(device, setting.sized(small.SAMPLES, 40))
        run = setting.folder / f"both-{device.replace(':', '-')}"
        shutil.rmtree(run, ignore_errors=True)
        with radin.Verifier(pool, task, run) as verifier:
            rows = [verifier.selection_logits(radin.Recipe.subset(pool.names, [i])) for i in range(2)]
            rows.append(verifier.selection_logits(radin.Recipe.subset(pool.names, [0, 1, 2])))
        found[device] = np.stack(rows)
    apart = float(np.abs(found["cpu"] - found[setting.device]).max() / np.abs(found["cpu"]).max())
    expect(apart < 1e-4, f"logits differ by {apart:.2g} of the largest")
    return {"largest difference, of the largest logit": apart}


def cpu_only(setting: Setting) -> Figures:
    """Makes a soup on the CPU, and asks PyTorch whether CUDA was initialised meanwhile."""
    before = torch.cuda.is_initialized()
    folder = setting.folder / "cpu-only"
    shutil.rmtree(folder, ignore_errors=True)
    pool = small.make_pool(setting.folder / "small-cpu")
    if setting.quick:
        radin.Verifier(pool, small.make_task("cpu", 40), folder).close()
    else:
        small.run(folder, pool, "cpu", 300)
    expect(torch.cuda.is_initialized() == before, "a run with device='cpu' initialised CUDA")
    return {"CUDA was initialised before": before}


CHECKS = (
    Check("cpu-only", "runs with --device cpu leave CUDA uninitialised", cpu_only, 60),
    Check("same-logits", "logits on the device are those of the CPU within rounding", same_on_both, 60),
    Check("kill", "runs that are killed go on to the same soup and leaderboard", kill_and_resume, 150),
)
