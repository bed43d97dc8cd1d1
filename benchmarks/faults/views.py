"""Sound checkpoints that are odd: views of any stride and dtype, shared storages, archives packed anew, shards."""

from __future__ import annotations

import io
import json
import random
import zipfile
from collections.abc import Callable

import torch
from torch import Tensor, nn

from benchmarks.faults.samples import Sample, State, as_pickle, as_safetensors, state

View = Callable[[random.Random, Tensor], Tensor]

DTYPES = (torch.float32, torch.float32, torch.float16, torch.bfloat16, torch.float64, torch.int64, torch.int16)

#: Ways to see a tensor of three dimensions, at least 4 x 6 x 8, through another one.
VIEWS: dict[str, View] = {
    "every other column": lambda rng, x: x[:, :: rng.choice([2, 3])],
    "every other row": lambda rng, x: x[rng.randrange(2) :: 2],
    "a column": lambda rng, x: x[..., rng.randrange(x.shape[-1])],
    "a row": lambda rng, x: x[rng.randrange(len(x))],
    "one number": lambda rng, x: x[1, 2, rng.randrange(8)],
    "a corner": lambda rng, x: x[1:-1, 2:, : rng.randint(1, 7)],
    "transposed": lambda rng, x: x.transpose(*rng.sample(range(3), 2)),
    "permuted": lambda rng, x: x.permute(*rng.sample(range(3), 3)),
    "expanded": lambda rng, x: x[:1].expand(rng.randint(2, 9), -1, -1),
    "expanded from one number": lambda rng, x: x[0, 0, 0].expand(rng.randint(1, 5), 3),
    "windows that overlap": lambda rng, x: x.flatten().unfold(0, 5, rng.randint(1, 5)),
    "a diagonal": lambda rng, x: x.diagonal(0, 1, 2),
    "nothing of it": lambda rng, x: x[:, 3:3],
    "channels last": lambda rng, x: x[None].to(memory_format=torch.channels_last),
    "strides of its own": lambda rng, x: x.as_strided((3, 2, 4), (rng.randint(0, 9), rng.randint(0, 9), 1), 7),
    "the whole": lambda rng, x: x,
}


def _base(rng: random.Random, dtype: torch.dtype) -> Tensor:
    shape = (rng.randint(4, 7), rng.randint(6, 9), rng.choice([8, 8, 8, 8, 9000]))
    generator = torch.Generator().manual_seed(rng.randrange(1 << 30))
    return (8 * torch.randn(*shape, generator=generator)).to(dtype)


def _complex_part(rng: random.Random) -> Tensor:
    """The real or imaginary part of complex numbers: every other number, and with a sign that is applied when read."""
    numbers = torch.view_as_complex(_base(rng, torch.float32)[..., :8].reshape(-1, 2).contiguous())
    return rng.choice([numbers.real, numbers.imag, numbers.conj().imag])


def viewed(rng: random.Random) -> tuple[State, str]:
    """A state dict of views, some of one storage, some of their own, and how they were made."""
    tensors: State = {}
    base = _base(rng, rng.choice(DTYPES))
    ways = []
    for i in range(rng.randint(1, 5)):
        if rng.random() < 0.4:
            base = _base(rng, rng.choice(DTYPES))
        way = rng.choice(list(VIEWS))
        tensor = VIEWS[way](rng, base)
        if rng.random() < 0.1:
            way, tensor = "part of complex numbers", _complex_part(rng)
        if tensor.is_floating_point() and rng.random() < 0.2:
            tensor = nn.Parameter(tensor, requires_grad=rng.random() < 0.5)
        tensors[f"layer{i}.weight"] = tensor
        ways.append(way)
    if rng.random() < 0.2:
        tensors["tied"] = tensors["layer0.weight"]
    return tensors, ", ".join(ways)


def pickled_views(rng: random.Random) -> Sample:
    """Views as `torch.save` writes them: in either format, alone or within a training checkpoint."""
    tensors, what = viewed(rng)
    content: object = tensors
    if rng.random() < 0.3:
        content = {rng.choice(["state_dict", "model"]): tensors, "epoch": 3, "lr": 0.1, "names": ["a", "b"]}
    legacy = rng.random() < 0.4
    name = rng.choice(["model.pt", "model.pth", "model.ckpt", "pytorch_model.bin"])
    written = as_pickle(content, legacy=legacy, protocol=rng.choice([*[2] * 20, 3, 4, 5]))
    return Sample(name, {name: written}, f"{'legacy' if legacy else 'zip'}: {what}", sound=True)


def repacked(rng: random.Random) -> Sample:
    """An archive that a zip program has packed anew: compressed or stored, in another order, with a comment."""
    tensors, what = viewed(rng) if rng.random() < 0.5 else (state(rng), "plain tensors")
    with zipfile.ZipFile(io.BytesIO(as_pickle(tensors))) as old:
        entries = [(info.filename, old.read(info)) for info in old.infolist()]
    if rng.random() < 0.5:
        rng.shuffle(entries)
    out = io.BytesIO()
    how = rng.choice([zipfile.ZIP_DEFLATED, zipfile.ZIP_DEFLATED, zipfile.ZIP_STORED])
    with zipfile.ZipFile(out, "w", how) as new:
        if rng.random() < 0.3:
            new.comment = b"packed anew"
        for name, content in entries:
            new.writestr(name, content)
    packing = "compressed" if how == zipfile.ZIP_DEFLATED else "stored"
    return Sample("model.pt", {"model.pt": out.getvalue()}, f"{packing} anew: {what}", sound=True)


def sharded(rng: random.Random) -> Sample:
    """A checkpoint in shards of either format, with an index."""
    tensors = state(rng)
    suffix, stem = rng.choice([(".safetensors", "model"), (".bin", "pytorch_model")])
    n = rng.randint(1, 4)
    homes = {name: rng.randrange(n) for name in tensors}
    names = [f"{stem}-{i + 1:05}-of-{n:05}{suffix}" for i in range(n)]
    write = as_safetensors if suffix == ".safetensors" else as_pickle
    used = sorted(set(homes.values()))
    files = {names[i]: write({name: tensors[name] for name in tensors if homes[name] == i}) for i in used}
    index = f"{stem}{suffix}.index.json"
    content = {"metadata": {"total_size": 1}, "weight_map": {name: names[home] for name, home in homes.items()}}
    return Sample(index, {**files, index: json.dumps(content).encode()}, f"{n} shards of {suffix}", sound=True)
