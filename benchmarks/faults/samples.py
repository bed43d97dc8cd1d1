"""Checkpoint files to read: what one is made of, and the sound ones that the mangled ones are made from."""

from __future__ import annotations

import io
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from safetensors.torch import save as to_safetensors
from torch import Tensor

State = dict[str, Tensor]


@dataclass(frozen=True)
class Sample:
    """One checkpoint, in one file or several.

    Attributes:
        name: of the file that is opened.
        files: contents by file name.
        what: how it was made, in a few words.
        sound: radin must read whatever the format's own library reads; otherwise it may refuse it.
        special: a file that is no plain one, by name: `fifo`, `folder`, `loop`, or the path that a link points to.
    """

    name: str
    files: dict[str, bytes]
    what: str
    sound: bool = False
    special: dict[str, str] = field(default_factory=dict)

    @property
    def size(self) -> int:
        """Bytes in all files."""
        return sum(len(content) for content in self.files.values())


Maker = Callable[[random.Random], Sample]


def state(rng: random.Random) -> State:
    """A small state dict with tensors of many kinds, without NaN."""
    generator = torch.Generator().manual_seed(rng.randrange(1 << 30))

    def numbers(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=generator)

    return {
        "embed.weight": numbers(6, 4),
        "embed.bias": numbers(4),
        "head.weight": numbers(3, 4).to(torch.float16),
        "head.bias": numbers(3).to(torch.bfloat16),
        "scale": numbers(1)[0],
        "steps": torch.tensor(rng.randrange(100)),
        "seen": torch.tensor([True, False, True]),
        "nothing": torch.zeros(2, 0),
        "precise": numbers(5).to(torch.float64),
    }


def as_safetensors(tensors: State) -> bytes:
    """The bytes of a `.safetensors` file."""
    return to_safetensors({name: tensor.contiguous() for name, tensor in tensors.items()}, {"format": "pt"})


def as_pickle(content: Any, *, legacy: bool = False, protocol: int = 2) -> bytes:
    """Bytes that `torch.save` writes, as a zip archive or in the format from before PyTorch 1.6."""
    out = io.BytesIO()
    torch.save(content, out, pickle_protocol=protocol, _use_new_zipfile_serialization=not legacy)
    return out.getvalue()


#: The formats with the suffix of their files and the function that makes a sound one.
FORMATS: dict[str, tuple[str, Callable[[State], bytes]]] = {
    "safetensors": (".safetensors", as_safetensors),
    "zip": (".pt", as_pickle),
    "legacy": (".pth", lambda tensors: as_pickle(tensors, legacy=True)),
}
