"""Logits equal those of a plain loop, also of networks that write all their outputs into one memory."""

from __future__ import annotations

import shutil
from itertools import pairwise

import numpy as np
import torch
from torch import nn

import radin
from benchmarks.gpu.check import Check, Figures, Setting, Skipped, expect

FEATURES, CLASSES = 512, 100


class Plain(nn.Module):
    """Layers that take longer than the copy of their outputs."""

    def __init__(self, width: int = 2048, layers: int = 8) -> None:
        super().__init__()
        sizes = [FEATURES, *[width] * layers]
        hidden = [nn.Sequential(nn.Linear(a, b), nn.ReLU()) for a, b in pairwise(sizes)]
        self.layers = nn.Sequential(*hidden, nn.Linear(width, CLASSES))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Logits."""
        return self.layers(x)  # type: ignore[no-any-return]  # modules return anything


class Static(Plain):
    """Writes the outputs of every batch over those of the last."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Logits, in memory that the next batch writes over."""
        if getattr(self, "kept", None) is None or len(self.kept) < len(x):
            self.kept = torch.empty(len(x), CLASSES, device=x.device)
        self.kept[: len(x)] = self.layers(x)
        return self.kept[: len(x)]


class Graphed(Plain):
    """Replays one CUDA graph, with inputs and outputs at fixed places."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Logits, in memory that the next batch writes over."""
        if getattr(self, "graph", None) is None:
            self.given = x.clone()
            side = torch.cuda.Stream()
            side.wait_stream(torch.cuda.current_stream())
            with torch.cuda.stream(side):
                self.layers(self.given)
            torch.cuda.current_stream().wait_stream(side)
            self.graph = torch.cuda.CUDAGraph()
            with torch.cuda.graph(self.graph):
                self.kept = self.layers(self.given)
        self.given.copy_(x)
        self.graph.replay()
        return self.kept


def compare(setting: Setting, build: type[Plain], *, compiled: bool = False) -> Figures:
    """Compares the logits of a task with those of a loop that waits for every batch."""
    if build is Graphed or compiled:
        setting.need_cuda()
    if compiled and shutil.which("gcc") is None:
        raise Skipped("compiling needs gcc")
    torch.manual_seed(0)
    batch, batches = setting.sized(512, 8), setting.sized(40, 4)
    inputs = torch.randn(batch * batches, FEATURES)
    labels = torch.arange(len(inputs)) % CLASSES
    width = () if not setting.quick else (64, 2)
    task = radin.Task(lambda: build(*width), (inputs, labels), device=setting.device, batch_size=batch)
    network = task.network()
    if compiled:
        network = torch.compile(network, mode="reduce-overhead")  # type: ignore[assignment]  # it is called like one
    with torch.inference_mode():
        for _ in range(3):
            network(inputs[:batch].to(setting.device))
        plain = [network(part.to(setting.device)).float().cpu().numpy().copy() for part in inputs.split(batch)]
    found = list(task.logits(network, task.rows))
    wrong = [i for i, (one, other) in enumerate(zip(found, plain, strict=True)) if not np.array_equal(one, other)]
    expect(not wrong, f"batches {wrong[:5]} of {batches} differ from those of the plain loop")
    return {"batches": batches, "samples a batch": batch}


CHECKS = (
    Check("logits", "logits are those of a plain loop", lambda s: compare(s, Plain), 40),
    Check("logits-static", "also of a network with one output buffer", lambda s: compare(s, Static), 40),
    Check("logits-graph", "also of a CUDA graph", lambda s: compare(s, Graphed), 40),
    Check(
        "logits-compiled", "also of reduce-overhead", lambda s: compare(s, Plain, compiled=True), 90, needs=("triton",)
    ),
)
