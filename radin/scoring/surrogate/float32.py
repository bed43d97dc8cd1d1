"""Whether float32 products on a device are float32 throughout, as settings say and as a probe shows."""

from __future__ import annotations

import os
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

from radin.scoring.surrogate.exact_arithmetic import U32, gamma

if TYPE_CHECKING:
    import torch

#: Rows, terms and columns of the products that are probed: enough for the kernels that use tensor cores.
PROBED = (512, 64, 512)


def uses_ieee_float32(device: torch.device) -> bool:
    """Whether float32 matrix products keep the bound of float32 arithmetic.

    Users may allow TF32 or bfloat16 inside them, by settings of PyTorch and by environment variables of the libraries
    beneath it. Where the settings say float32, a product is tried once for them, and its errors are compared with the
    bound.
    """
    said = float32_settings(device)
    return said["matmul"] == "ieee" and _probed(device, tuple(said.items()))


def float32_settings(device: torch.device) -> dict[str, str]:
    """Precisions that products and convolutions in float32 may be rounded to, by operation: `ieee`, `tf32` or `bf16`.

    Environment variables that overrule PyTorch's settings are there by their own names, where they are set.
    """
    import torch

    overrules = {name: os.environ[name] for name in ("NVIDIA_TF32_OVERRIDE",) if name in os.environ}
    library = torch.backends.mkldnn if device.type == "cpu" else torch.backends.cudnn
    if not hasattr(torch.backends.cuda.matmul, "fp32_precision"):  # before torch 2.9
        matmul = {"highest": "ieee", "high": "tf32", "medium": "bf16"}[torch.get_float32_matmul_precision()]
        tf32 = device.type != "cpu" and torch.backends.cudnn.allow_tf32
        return {"matmul": matmul, "conv": "tf32" if tf32 else "ieee"} | overrules
    matmul_of: Any = torch.backends.mkldnn.matmul if device.type == "cpu" else torch.backends.cuda.matmul  # type: ignore[attr-defined]  # stubs lag
    levels: dict[str, list[Any]] = {
        "matmul": [matmul_of, *([library] if device.type == "cpu" else []), torch.backends],
        "conv": [library.conv, library, torch.backends],
    }
    return {name: _first(of) for name, of in levels.items()} | overrules


def _first(levels: list[Any]) -> str:
    """The setting of the first level that has one."""
    return next((one for one in (str(level.fp32_precision) for level in levels) if one != "none"), "ieee")


@cache
def _probed(device: torch.device, settings: tuple[tuple[str, str], ...]) -> bool:
    """Whether the errors of a product of random numbers are within the bound of float32; once for some settings."""
    import torch

    rows, terms, columns = PROBED
    rng = np.random.default_rng(0)
    left, right = (rng.uniform(0.5, 1, size).astype(np.float32) for size in ((rows, terms), (terms, columns)))
    with torch.inference_mode(), torch.autocast(device.type, enabled=False):
        found = (torch.from_numpy(left).to(device) @ torch.from_numpy(right).to(device)).cpu().numpy()
    true = left.astype(np.float64) @ right.astype(np.float64)
    return bool((np.abs(found - true) <= gamma(np.array(terms + 1), U32) * true).all())
