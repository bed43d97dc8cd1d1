"""Collecting and verifying a pool of ViT-B/32: the share of time that is not the forward pass, and idle gaps."""

from __future__ import annotations

import json
import shutil
import time
from pathlib import Path

import numpy as np
import torch

import radin
from benchmarks.gpu.check import Check, Figures, Setting, expect
from benchmarks.gpu.vision import forward, images, make_pool, network_of
from radin.tasks.device import clock

#: Members of the soups that are verified, at most as many as there are ingredients.
MEMBERS = (2, 4, 8, 13)

#: Microseconds from which on a kernel is one of a forward pass: those that fill a network take a tenth of that.
OF_FORWARD = 100

#: Gaps in which the GPU runs no kernel are counted from so many microseconds on.
GAP = 1000


def task_of(setting: Setting, data: tuple[torch.Tensor, torch.Tensor], autocast: str | None) -> radin.Task:
    """The images and how networks are run on them."""
    size = setting.sized(500, 16)
    return radin.Task(
        lambda: network_of(setting),
        data,
        forward=forward,
        holdback=0.0,
        batch_size=size,
        device=setting.device,
        autocast=autocast,
        source="a pool of ViT-B/32",
    )


def forward_seconds(setting: Setting, task: radin.Task, rounds: int = 3) -> float:
    """Seconds of the forward passes over all images alone: they lie on the device, and nothing is fetched."""
    device = setting.torch_device
    network = task.ready(network_of(setting))
    pixels = task.data[0].to(device)
    dtype = torch.bfloat16 if task.autocast else None
    taken = []
    with torch.inference_mode(), torch.autocast(device.type, dtype=dtype, enabled=dtype is not None):
        for _ in range(rounds + 1):
            begun = clock(device)
            for start in range(0, len(pixels), task.batch_size):
                forward(network, pixels[start : start + task.batch_size])
            taken.append(clock(device) - begun)
    return float(np.median(taken[1:]))


def collect_and_verify(setting: Setting, autocast: str | None) -> Figures:
    """Times collecting and verifying, and how long the forward passes take alone."""
    pool, data = make_pool(setting), images(setting)
    task = task_of(setting, data, autocast)
    device = setting.torch_device
    alone = forward_seconds(setting, task)
    run = setting.folder / f"vit-run-{autocast}"
    shutil.rmtree(run, ignore_errors=True)
    begun = time.perf_counter()
    with radin.Verifier(pool, task, run) as verifier:
        opened = clock(device) - begun
        collecting = verifier.ledger.seconds("pass")
        soups = {}
        for k in dict.fromkeys(min(one, len(pool)) for one in MEMBERS):
            weights = np.where(np.arange(len(pool)) < k, 1 / k, 0.0)
            before = clock(device)
            verifier(weights[None])
            soups[k] = clock(device) - before
        gaps = idle(setting, verifier, pool) if setting.on_cuda else {}
    passes, rows = len(pool), len(data[1])
    expect(verifier.bank.n_samples == rows, f"{verifier.bank.n_samples} rows of {rows} were collected")
    return {
        "images": rows,
        "ingredients": passes,
        "before the first pass, s": round(opened - collecting, 2),
        "forward passes of a network alone, s": round(alone, 3),
        "images a second, alone": round(rows / alone),
        "collecting, s": round(collecting, 2),
        "collecting, share that is not the forward pass": round(1 - passes * alone / collecting, 3),
        **{f"verifying a soup of {k}, s": round(seconds, 3) for k, seconds in soups.items()},
        **{
            f"verifying a soup of {k}, share that is not the forward pass": round(1 - alone / seconds, 3)
            for k, seconds in soups.items()
        },
        **gaps,
    }


def idle(setting: Setting, verifier: radin.Verifier, pool: radin.Pool) -> Figures:
    """The time in which the GPU runs no kernel while one more soup is verified, from a profile."""
    from torch.profiler import ProfilerActivity, profile

    weights = np.full((1, len(pool)), 0.5 / (len(pool) - 2))
    weights[0, :2] = 0.25
    with profile(activities=[ProfilerActivity.CUDA]) as watched:
        verifier(weights)
        torch.cuda.synchronize()
    trace = setting.folder / "trace.json"
    watched.export_chrome_trace(str(trace))
    kernels, copies = intervals(trace)
    begun = min(start for start, _ in (kernels + copies))
    forward_begun = next(start for start, stop in kernels if stop - start > OF_FORWARD)
    running = [(start, stop) for start, stop in kernels if start >= forward_begun]
    ended = running[-1][1]
    gaps = [after - before for before, after in between(running)]
    return {
        "profile of a soup of all, filling, s": round((forward_begun - begun) / 1e6, 3),
        "profile of a soup of all, forward passes, s": round((ended - forward_begun) / 1e6, 3),
        "GPU without a kernel during the forward passes, share": round(sum(gaps) / (ended - forward_begun), 4),
        f"gaps of {GAP / 1000:g} ms and more in them": sum(gap >= GAP for gap in gaps),
        "longest gap in them, ms": round(max(gaps, default=0.0) / 1000, 2),
    }


def intervals(trace: Path) -> tuple[list[tuple[float, float]], list[tuple[float, float]]]:
    """When kernels ran, and when copies did, in microseconds, by start."""
    found: dict[str, list[tuple[float, float]]] = {"kernel": [], "gpu_memcpy": []}
    for event in json.loads(trace.read_text())["traceEvents"]:
        if event.get("cat") in found:
            found[event["cat"]].append((float(event["ts"]), float(event["ts"]) + float(event["dur"])))
    return sorted(found["kernel"]), sorted(found["gpu_memcpy"])


def between(busy: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """The gaps in intervals that are sorted by start, as their beginnings and ends."""
    gaps, end = [], busy[0][1]
    for start, stop in busy[1:]:
        if start > end:
            gaps.append((end, start))
        end = max(end, stop)
    return gaps


CHECKS = (
    Check(
        "vit",
        "13 ViT-B/32 are collected and verified, in float32",
        lambda s: collect_and_verify(s, None),
        150,
        alone=True,
    ),
    Check("vit-bfloat16", "the same in bfloat16", lambda s: collect_and_verify(s, "bfloat16"), 120, alone=True),
)
