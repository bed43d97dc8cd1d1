"""All kinds of checkpoints that are read, and how often each is drawn."""

from __future__ import annotations

import random

from benchmarks.faults import (
    mangled_archives,
    mangled_bytes,
    mangled_headers,
    mangled_pickles,
    mangled_structures,
    views,
)
from benchmarks.faults.samples import Maker, Sample

#: Kind of checkpoint: its share among all, and what makes one.
KINDS: dict[str, tuple[int, Maker]] = {
    "views of tensors": (14, views.pickled_views),
    "archives packed anew": (5, views.repacked),
    "shards": (4, views.sharded),
    "changed safetensors": (12, mangled_bytes.changed_bytes("safetensors")),
    "changed archives": (12, mangled_bytes.changed_bytes("zip")),
    "changed old files": (12, mangled_bytes.changed_bytes("legacy")),
    "hostile headers": (16, mangled_headers.mangled_header),
    "hostile pickles": (16, mangled_pickles.hostile_pickle),
    "hostile structures": (8, mangled_structures.hostile_structure),
    "hostile archives": (8, mangled_archives.hostile_archive),
    "mangled indexes": (7, mangled_bytes.mangled_index),
    "no checkpoints": (4, mangled_bytes.no_checkpoint),
}


def make(seed: int, number: int, kind: str | None = None) -> tuple[str, Sample]:
    """The checkpoint of one number, always the same for one seed; of any kind, or of the one that is named."""
    rng = random.Random(f"checkpoints {seed} {number}")
    drawn = rng.choices(list(KINDS), [weight for weight, _ in KINDS.values()])[0]
    kind = kind or drawn
    return kind, KINDS[kind][1](rng)
