"""A pool of ViT-B/32: thirteen networks with random weights near one another, and random images."""

from __future__ import annotations

from typing import Any

import torch
from safetensors.torch import save_file
from torch import nn

import radin
from benchmarks.gpu.check import Setting

#: How far the weights of an ingredient lie from the common ones, in standard deviations of each tensor, and the least
#: standard deviation that is reckoned with: those that are all equal at first are fine-tuned, too.
DISTANCE, LEAST = 0.02, 0.02


def network_of(setting: Setting) -> nn.Module:
    """A ViT-B/32 with random weights; a tiny one where everything is to be quick."""
    from torchvision.models import VisionTransformer, vit_b_32

    torch.manual_seed(0)
    if setting.quick:
        network: nn.Module = VisionTransformer(32, 16, 1, 2, 16, 32, num_classes=10)
    else:
        network = vit_b_32(weights=None)
    return network.eval().requires_grad_(False)


def make_pool(setting: Setting) -> radin.Pool:
    """The pool; its files are written once for all checks."""
    folder, n = setting.folder / "vit", setting.sized(13, 4)
    if not (folder / "done").exists():
        folder.mkdir(parents=True, exist_ok=True)
        network = network_of(setting).to(setting.torch_device)
        start = {name: one.clone() for name, one in network.state_dict().items()}
        generator = torch.Generator(setting.torch_device).manual_seed(1)
        for i in range(n):
            state = {name: near(one, generator) for name, one in start.items()}
            save_file({name: one.cpu() for name, one in state.items()}, folder / f"run{i:02d}.safetensors")
        (folder / "done").touch()
    return radin.Pool([folder / f"run{i:02d}.safetensors" for i in range(n)])


def near(tensor: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """Random weights near others."""
    noise = torch.randn(tensor.shape, generator=generator, device=tensor.device)
    return tensor + DISTANCE * tensor.std(correction=0).clamp(min=LEAST) * noise


def images(setting: Setting) -> tuple[torch.Tensor, torch.Tensor]:
    """Random images as bytes, and random labels."""
    count, side, classes = (40, 32, 10) if setting.quick else (10_000, 224, 1000)
    generator = torch.Generator(setting.torch_device).manual_seed(2)
    made: dict[str, Any] = {"generator": generator, "dtype": torch.uint8, "device": setting.torch_device}
    pixels = torch.randint(0, 256, (count, 3, side, side), **made)
    return pixels.cpu(), torch.arange(count) % classes


def forward(network: nn.Module, pixels: torch.Tensor) -> torch.Tensor:
    """Logits of images that are bytes."""
    return network(pixels.float().div_(127.5).sub_(1))  # type: ignore[no-any-return]  # modules return anything
