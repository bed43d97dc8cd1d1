"""Tensor names: wrappers' prefixes taken off, tied tensors under one name."""

from __future__ import annotations

import re
from collections.abc import Hashable, Iterable, Mapping

from radin.errors import CheckpointError

#: Factors of low-rank adapters, as PEFT (`lora_A`; `lora_magnitude_vector` in DoRA) and kohya (`lora_down`) name them.
LORA = re.compile(r"(^|[._])lora_((embedding_)?[AB]|up|down|magnitude_vector)(\.|$)")


def normalise(names: Iterable[str], where: object) -> dict[str, str]:
    """`{name: name without what wrappers added}`, in the given order.

    Arguments:
        names: as they stand in a file or a network.
        where: what to name in the message.

    `_orig_mod.` (torch.compile) goes wherever it stands as a component; `module.` (DataParallel and its kin) goes in
    front, as often as every name has it.

    Raises:
        CheckpointError: two names become one.
    """
    short = {name: ".".join(part for part in name.split(".") if part != "_orig_mod") for name in names}
    while short and all(name.startswith("module.") for name in short.values()):
        short = {name: rest.removeprefix("module.") for name, rest in short.items()}
    origin: dict[str, str] = {}
    for name, rest in short.items():
        if rest in origin:
            raise CheckpointError(
                f"{where}: tensors {origin[rest]!r} and {name!r} are both {rest!r} once the prefixes that wrappers add "
                f"('module.', '_orig_mod.') are taken off. Save the state dict of the unwrapped network."
            )
        origin[rest] = name
    return short


def ties(groups: Mapping[str, Hashable]) -> dict[str, str]:
    """`{tied name: name that is stored}` for names in equal groups; the stored name is the first when sorted.

    This is the choice of `safetensors.torch.save_model`, so files made by either agree.
    """
    members: dict[Hashable, list[str]] = {}
    for name, group in groups.items():
        members.setdefault(group, []).append(name)
    kept = {group: min(names) for group, names in members.items()}
    return {name: kept[group] for name, group in groups.items() if name != kept[group]}
