"""Whether two passes of a network over the same samples gave the same."""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Float32
from torch import nn

from radin.tasks.task import Task

#: Largest difference, relative to the largest logit, at which two passes over one batch count as the same. Kernels of
#: another batch size or library version differ by about 1e-5 in float32; other weights by far more. By the least
#: precise dtype that the network computes in.
SAME_LOGITS = {torch.float64: 1e-3, torch.float32: 1e-3, torch.float16: 1e-2, torch.bfloat16: 5e-2}


def tolerance(network: nn.Module, task: Task) -> float:
    """Difference of logits, relative to the largest, at which two passes of one network on a task count as the same."""
    dtypes = {tensor.dtype for tensor in network.parameters()}
    if task.autocast:
        dtypes.add(getattr(torch, task.autocast))
    if task.torch_device.type != "cpu":
        dtypes.add(torch.float16)  # convolutions may compute in TF32, which has as many bits
    return max((SAME_LOGITS[dtype] for dtype in dtypes & SAME_LOGITS.keys()), default=SAME_LOGITS[torch.float32])


def difference(one: Float32[np.ndarray, "b ..."], other: Float32[np.ndarray, "d ..."]) -> float:
    """Largest difference of two outputs, in the rows that both have; 0 where they are equal, NaN included."""
    if one.shape[1:] != other.shape[1:]:
        return np.inf
    rows = min(len(one), len(other))  # fewer where memory ran out in between
    left, right = one[:rows].astype(np.float64), other[:rows].astype(np.float64)
    with np.errstate(invalid="ignore"):
        apart = np.nan_to_num(np.abs(left - right), nan=np.inf)
    same = (left == right) | (np.isnan(left) & np.isnan(right))
    return float(np.where(same, 0.0, apart).max(initial=0.0))
