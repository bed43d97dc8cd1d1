"""Recipes are scored on the GPU as on the CPU, under every setting of TF32, and far faster than densely."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch

from benchmarks.gpu.check import Check, Figures, Setting, expect, seconds_of
from benchmarks.speed.synthetic import Fleet
from radin.scoring.logit_bank import LogitBank
from radin.scoring.metrics import Metric, NegativeLogLikelihood, TemperedLikelihood
from radin.scoring.surrogate import Surrogate
from radin.scoring.surrogate.float32 import uses_ieee_float32

#: Metrics whose scores are exact, and those that are computed within a bound.
EXACT = ("accuracy", "top5", "balanced-accuracy", "macro-f1")
BOUNDED = (NegativeLogLikelihood(), TemperedLikelihood())


def close_bank(n: int, m: int, c: int) -> LogitBank:
    """Logits in which many recipes are within the rounding of float32 of a tie."""
    rng = np.random.default_rng(0)
    labels = rng.integers(c, size=m)
    logits = rng.normal(size=(1, m, c)) + 0.3 * rng.normal(size=(n, m, c))
    logits[:, np.arange(m), labels] = logits.max(axis=2) + 1e-6 * rng.normal(size=(n, m))
    return LogitBank.from_arrays(logits.astype(np.float32), labels)


def recipes_of(n: int, k: int) -> tuple[np.ndarray, np.ndarray]:
    """Random subsets, and random mixtures."""
    rng = np.random.default_rng(1)
    masks = rng.random((k, n)) < 0.5
    masks[np.arange(k), rng.integers(n, size=k)] = True
    return masks, rng.dirichlet(np.ones(n), size=k)


@contextmanager
def precision(setting: Setting, matmul: str, autocast: bool) -> Iterator[None]:
    """Float32 products that may be rounded, as users allow it."""
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision(matmul)
    try:
        with torch.autocast(setting.torch_device.type, dtype=torch.bfloat16, enabled=autocast):
            yield
    finally:
        torch.set_float32_matmul_precision(before)


def scores_of(bank: LogitBank, device: str, metric: str | Metric, k: int) -> tuple[list[np.ndarray], float]:
    """Scores of k subsets, as many mixtures, moves and numbered subsets, and their bound."""
    surrogate = Surrogate(bank, metric, device=device)
    masks, mixtures = recipes_of(len(bank), k)
    counted = metric in EXACT[:3]
    few = slice(None) if counted else slice(24)
    found = [surrogate(masks[few]), surrogate(mixtures[few])]
    if counted:
        found += [surrogate.neighbours(masks[0]), surrogate.swaps(masks[1])[1], surrogate.subset_range(1, 10 * k)]
        found.append(surrogate.additions(masks[2].astype(np.int64)))
    return found, surrogate.bound


def equal_scores(setting: Setting) -> Figures:
    """Compares the scores on both devices under each setting."""
    bank = close_bank(12, setting.sized(3000, 100), setting.sized(20, 8))
    k = setting.sized(300, 30)
    expected = {metric: scores_of(bank, "cpu", metric, k) for metric in (*EXACT, *BOUNDED)}
    largest, tried = 0.0, 0
    settings = list(itertools.product(("highest", "high", "medium"), (False, True)))
    for matmul, autocast in settings[:: setting.sized(1, 5)]:
        with precision(setting, matmul, autocast):
            for metric in (*EXACT, *BOUNDED):
                found, bound = scores_of(bank, setting.device, metric, k)
                said = f"{getattr(metric, 'name', metric)}, products {matmul}{', autocast' if autocast else ''}"
                for one, other in zip(found, expected[metric][0], strict=True):
                    apart = float(np.abs(one - other).max())
                    allowed = bound + expected[metric][1]  # 0 for what is counted
                    expect(apart <= allowed, f"{said}: scores differ by {apart:.2g}, allowed are {allowed:.2g}")
                    largest, tried = max(largest, apart), tried + len(one)
    return {"scores compared": tried, "largest difference of a loss, nats": largest}


def overruled(setting: Setting) -> Figures:
    """The same while an environment variable allows TF32 against the settings of PyTorch."""
    setting.need_cuda()
    rounded = not uses_ieee_float32(setting.torch_device)
    return {"the probe found rounded products": rounded, **equal_scores(setting)}


def repeatable(setting: Setting) -> Figures:
    """Compares likelihoods, and their bounds, of two surrogates that were prepared apart."""
    bank = Fleet(12, setting.sized(4000, 100), setting.sized(50, 8)).bank()
    masks, _ = recipes_of(12, 200)
    found = []
    for _ in range(2):
        surrogate = Surrogate(bank, "nll", device=setting.device)
        found.append((surrogate.nll_bound, surrogate.refined(masks)))
    expect(found[0][0] == found[1][0], f"the bounds differ: {found[0][0]!r} and {found[1][0]!r}")
    expect(np.array_equal(found[0][1], found[1][1]), "the losses differ")
    return {"bound, nats": found[0][0]}


def little_memory(setting: Setting) -> Figures:
    """Scores with a card that is nearly full, and with less memory than the card says is free."""
    bank = Fleet(24, setting.sized(20_000, 200), setting.sized(100, 8), disagreement=0.6).bank()
    masks, _ = recipes_of(24, setting.sized(20_000, 100))
    expected = Surrogate(bank, device="cpu")(masks)
    device, figures = setting.torch_device, {}
    surrogate = Surrogate(bank, device=setting.device)
    expect(np.array_equal(surrogate(masks), expected), "scores differ from the CPU's")
    if not setting.on_cuda:
        return figures
    figures["peak with an empty card, MB"] = round(torch.cuda.max_memory_allocated(device) / 1e6)
    del surrogate
    torch.cuda.empty_cache()
    free, total = torch.cuda.mem_get_info(device)
    ballast = torch.empty(free - (1 << 30), dtype=torch.uint8, device=device)
    torch.cuda.reset_peak_memory_stats(device)
    held = torch.cuda.memory_allocated(device)
    expect(np.array_equal(Surrogate(bank, device=setting.device)(masks), expected), "scores differ on a full card")
    figures["peak with 1 GiB free, MB"] = round((torch.cuda.max_memory_allocated(device) - held) / 1e6)
    del ballast
    torch.cuda.empty_cache()
    torch.cuda.set_per_process_memory_fraction((600 << 20) / total)  # which the card does not say
    found = Surrogate(bank, device=setting.device)(masks)
    expect(np.array_equal(found, expected), "scores differ where memory ran out")
    return figures


def rate(setting: Setting) -> Figures:
    """Recipes a second, beside the dense computation with all logits on the same device."""
    bank = Fleet(32, setting.sized(10_000, 200), setting.sized(100, 8)).bank()
    device = setting.torch_device
    masks, _ = recipes_of(32, setting.sized(1 << 17, 64))
    few = masks[: setting.sized(2048, 16)]
    surrogate = Surrogate(bank, device=setting.device)
    ours = seconds_of(lambda: surrogate(masks), device) / len(masks)
    logits = torch.from_numpy(np.stack([bank.read(i, 0, bank.n_samples) for i in range(len(bank))])).to(device)
    labels = torch.from_numpy(bank.labels).to(device)
    figures: Figures = {"radin, recipes a second": round(1 / ours)}
    some, tempered = masks[: setting.sized(512, 8)], Surrogate(bank, TemperedLikelihood(), device=setting.device)
    figures["radin, tempered likelihood, recipes a second"] = round(
        len(some) / seconds_of(lambda: tempered(some), device, 2)
    )
    for name, matmul in (("float32", "highest"), ("TF32", "high")):
        with precision(setting, matmul, False):
            best = min(
                seconds_of(lambda block=block: dense(logits, labels, few, block), device, 2) / len(few)  # type: ignore[misc]  # a default value
                for block in ((16, 64, 256) if not setting.quick else (16,))
            )
        figures[f"dense torch in {name}, recipes a second"] = round(1 / best)
        figures[f"times as fast as dense torch in {name}"] = round(best / ours, 1)
    right = dense(logits, labels, few, 16).cpu().numpy() / bank.n_samples
    figures["recipes whose accuracy dense float32 gets wrong"] = int((right != surrogate(few)).sum())
    return figures


def dense(logits: torch.Tensor, labels: torch.Tensor, masks: np.ndarray, block: int) -> torch.Tensor:
    """Right samples by one product over all logits and argmax, a block of recipes at a time."""
    weights = torch.from_numpy(masks.astype(np.float32)).to(logits.device)
    found = []
    for part in weights.split(block):
        averaged = (part @ logits.flatten(1)).view(len(part), *logits.shape[1:])
        found.append((averaged.argmax(dim=2) == labels).sum(dim=1))
    return torch.cat(found)


CHECKS = (
    Check("surrogates", "scores on the GPU are those of the CPU under every TF32 setting", equal_scores, 90),
    Check(
        "surrogates-overruled",
        "also where an environment variable allows TF32",
        overruled,
        90,
        {"NVIDIA_TF32_OVERRIDE": "1"},
    ),
    Check("repeatable", "likelihoods are the same each time", repeatable, 40),
    Check(
        "scratch", "scratch memory follows what is free, and shrinks where it runs out", little_memory, 60, alone=True
    ),
    Check("recipes", "recipes a second, beside dense torch", rate, 60, alone=True),
)
