"""Products in float32 are float32 throughout where settings say so and a probe agrees."""

import pytest
import torch
from torch.overrides import TorchFunctionMode

from radin.scoring.surrogate.float32 import float32_settings, uses_ieee_float32


def test_float32_products_may_be_allowed_to_be_less():
    assert uses_ieee_float32(torch.device("cpu"))
    torch.set_float32_matmul_precision("medium")
    try:
        assert not uses_ieee_float32(torch.device("cpu"))
    finally:
        torch.set_float32_matmul_precision("highest")
    assert uses_ieee_float32(torch.device("cpu"))


class Rounding(TorchFunctionMode):
    """Rounds what is multiplied to bfloat16, as libraries do when environment variables overrule PyTorch."""

    def __torch_function__(self, function, types, args=(), kwargs=None):
        if function.__name__ in ("matmul", "__matmul__"):
            args = tuple(one.bfloat16().float() for one in args)
        return function(*args, **(kwargs or {}))


def test_a_probe_finds_products_that_are_rounded_against_the_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NVIDIA_TF32_OVERRIDE", "1")  # so that the settings are not those that were probed before
    with Rounding():
        assert not uses_ieee_float32(torch.device("cpu"))
    assert float32_settings(torch.device("cpu"))["matmul"] == "ieee"


def test_settings_name_what_convolutions_may_be_rounded_to(device: str) -> None:
    said = float32_settings(torch.device(device))
    assert said["conv"] == ("ieee" if device == "cpu" else "tf32")
