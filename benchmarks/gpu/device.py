"""The device: its name and versions, and whether its float32 is that of IEEE."""

from __future__ import annotations

import torch

from benchmarks.gpu.check import Check, Figures, Setting, expect
from radin.scoring.surrogate.float32 import float32_settings, uses_ieee_float32
from radin.tasks.device import numerics_of


def described(setting: Setting) -> Figures:
    """The device as keys of stored logits tell it from others."""
    device = setting.torch_device
    settings = float32_settings(device)
    expect(settings["matmul"] != "ieee" or uses_ieee_float32(device), "products are rounded to less than float32")
    figures: Figures = {"keys tell": ", ".join(numerics_of(device))}
    if setting.on_cuda:
        about = torch.cuda.get_device_properties(device)
        figures["memory, GB"] = round(about.total_memory / 1e9, 1)
    return figures


CHECKS = (Check("device", "products in float32 are IEEE's where settings say so", described, 40),)
