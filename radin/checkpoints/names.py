"""Tensor names: wrappers' prefixes taken off, tied tensors under one name."""

from __future__ import annotations

import re
from collections.abc import Hashable, Iterable, Mapping

from radin.common.wording import shown
from radin.errors import CheckpointError

#: How the parts of adapters are called, by PEFT, kohya, LyCORIS, diffusers, torchtune, NeMo and MLX, whatever their
#: case. Each adapter is a product of its parts, or another function of them that is not linear.
ADAPTERS = {
    "LoRA": r"lora([._]?(embedding[._]?)?[abe]|[._]?(up|down|mid)|[._]linear[._]layer|[._]\w{1,32}[._]adapter)?",
    "DoRA": r"lora[._]magnitude([._]vector)?|dora([._](scale|m|magnitude))?",
    "LoHa": r"hada[._][wt][12]([._][ab])?",
    "LoKr": r"lokr[._][wt][12]([._][ab])?",
    "OFT": r"b?oft[._](r|s|blocks|diag|[lm])",
    "VeRA": r"vera[._]([ab]|lambda([._][bd])?)",
    "RandLoRA": r"randlora[._](a|b|base|lambda|gamma)",
    "VB-LoRA": r"vblora[._](logits|vector)([._](a|b|bank))?",
    "(IA)³": r"ia3[._]l",
    "HRA": r"hra[._]u",
    "RoAd": r"road[._](theta|alpha)",
    "another of PEFT's": r"adamss[._][ab]|gralora[._][ab]([._]general)?|hira[._](embedding[._])?[ab]|"
    r"lily[._]([ab]|router)|peanut[._](a|b|encoders|decoders)|psoft[._]\w{1,12}|frod[._]lambda[._]\w{1,12}|deft[._][pr]|osf[._]\w{1,16}|"
    r"pvera[._]lambda[._][bd]|tinylora[._]\w{1,8}|unilora[._]theta[._]d|(bone|miss)[._]block",
    "GLoRA": r"glora[._]\w{1,12}",
    "DeLoRA": r"delora[._](a|b|lambda)",
}
#: Names that scripts of their own give to factors.
_OTHER_LORA = re.compile(
    r"(^|[._])lora(\d|[._]([uvw]|matrix|left|right|in|out|delta[._]w|[abe][._]?weight|alpha|scaling)([._][a-z]\d?)?)(\.|$)",
    re.IGNORECASE,
)

_ADAPTERS = {kind: re.compile(rf"(^|[._])({parts})(\.|$)", re.IGNORECASE) for kind, parts in ADAPTERS.items()}


def adapter_of(name: str) -> str | None:
    """The kind of adapter that a tensor is a part of, by its name; None for a tensor of a network."""
    kind = next((kind for kind, parts in _ADAPTERS.items() if parts.search(name)), None)
    return kind or ("LoRA" if _OTHER_LORA.search(name) else None)


#: Attributes under which a LightningModule usually keeps its network.
LIGHTNING = ("model.", "net.", "network.")

#: The counters of `torch.optim.swa_utils.AveragedModel`, and of MMEngine's, beside the network under `module.`.
AVERAGED = ("n_averaged", "steps")

#: What wrappers put into names as a component of its own: torch.compile, FSDP and activation checkpointing.
WRAPPERS = ("_orig_mod", "_fsdp_wrapped_module", "_checkpoint_wrapped_module")


#: BatchNorm's count of batches.
COUNTER = "num_batches_tracked"

#: The entry of a state dict in which a module keeps what `get_extra_state` gives.
EXTRA_STATE = "_extra_state"


#: Characters of the longest name that is taken for a tensor's.
LONGEST = 1_000

#: The name under which the safetensors format keeps what is no tensor.
METADATA = "__metadata__"


def is_extra_state(name: str) -> bool:
    """Whether an entry of a state dict is what a module's `get_extra_state` gave."""
    return name.rpartition(".")[2] == EXTRA_STATE


def module_names(tensors: Mapping[str, str]) -> dict[str, str]:
    """`{name of a module: its other name}`, from `{name of a tensor: its other name}`."""
    modules: dict[str, str] = {}
    for one, other in tensors.items():
        while one and other:
            one, _, here = one.rpartition(".")
            other, _, there = other.rpartition(".")
            if here != there or one in modules:
                break
            modules[one] = other
    return modules


def is_counter(name: str) -> bool:
    """Whether a tensor is BatchNorm's count of batches, which nothing is computed from."""
    return name.rpartition(".")[2] == COUNTER


def check_names(names: Iterable[str], where: object) -> None:
    """Raises CheckpointError for names that no other file can hold, or that are far longer than a network's.

    Soups are safetensors files, so the name that this format keeps for itself is refused, also behind any prefix: those
    of wrappers are taken off before a soup is written.
    """
    texts = list(names)
    for name in texts:
        if name.rpartition(".")[2] == METADATA:
            raise CheckpointError(
                f"{where}: a tensor is called {shown(name)}, a name that safetensors files, and so soups, keep for "
                "what is no tensor. Rename it in the network, and save its state dict again."
            )
        if len(name) > LONGEST:
            raise CheckpointError(
                f"{where}: the name {shown(name)} has {len(name):,} characters, more than radin reads ({LONGEST:,})"
            )
    check_text(texts, where)


def check_text(texts: Iterable[str], where: object) -> None:
    """Raises CheckpointError for halves of characters, which can be written nowhere."""
    for name in texts:
        try:
            name.encode()
        except UnicodeEncodeError as error:
            raise CheckpointError(f"{where}: the name {shown(name)} cannot be written in UTF-8") from error


def normalise(names: Iterable[str], where: object) -> dict[str, str]:
    """`{name: name without what wrappers added}`, in the given order.

    Arguments:
        names: as they stand in a file or a network.
        where: what to name in the message.

    `_orig_mod.` (torch.compile) and its kin go wherever they stand as a component; `module.` (DataParallel and its kin)
    goes in front, as often as every name has it. The counters of `AVERAGED` beside `module.` are left out.

    Raises:
        CheckpointError: two names become one.
    """
    short = {name: ".".join(part for part in name.split(".") if part not in WRAPPERS) for name in names}
    if not all(rest in AVERAGED for rest in short.values()) and all(
        rest.startswith("module.") != (rest in AVERAGED) for rest in short.values()
    ):
        short = {name: rest for name, rest in short.items() if rest not in AVERAGED}
    while short and all(name.startswith("module.") for name in short.values()):
        short = {name: rest.removeprefix("module.") for name, rest in short.items()}
    _refuse_clashes(short, where)
    return short


def network_names(
    names: Iterable[str], where: object, *, prefix: str | None = None, lightning: bool = False
) -> tuple[dict[str, str], str]:
    """The names of a network's tensors in a checkpoint, as the bare network calls them.

    Arguments:
        names: as they stand in the file.
        where: what to name in the message.
        prefix: the network is what stands under it; other tensors (a loss's, a teacher's) are left out.
        lightning: the file is Lightning's: a prefix in `LIGHTNING` that all tensors share is taken off.

    Returns:
        `{name: bare name}` of the network's tensors, and the prefix that was taken off beside those of wrappers.

    Raises:
        CheckpointError: two names become one, or none has the prefix.
    """
    short = normalise(names, where)
    taken = f"{prefix.rstrip('.')}." if prefix else ""
    if not prefix and lightning and short:
        taken = next((one for one in LIGHTNING if all(rest.startswith(one) for rest in short.values())), "")
    if not taken:
        return short, ""
    inside = {name: rest.removeprefix(taken) for name, rest in short.items() if rest.startswith(taken)}
    if not inside:
        tops = sorted({name.partition(".")[0] for name in short.values()})
        raise CheckpointError(
            f"{where}: no tensor's name begins with the prefix {shown(taken)}; they begin with: "
            f"{', '.join(shown(top)[1:-1] for top in tops[:8])}"
        )
    bare = normalise(inside.values(), where)  # a network may be compiled, or parallel, inside of its holder
    return {name: bare[rest] for name, rest in inside.items() if rest in bare}, taken


def ties(groups: Mapping[str, Hashable]) -> dict[str, str]:
    """`{tied name: name that is stored}` for names in equal groups; the stored name is the first when sorted.

    This is the choice of `safetensors.torch.save_model`, so files made by either agree.
    """
    members: dict[Hashable, list[str]] = {}
    for name, group in groups.items():
        members.setdefault(group, []).append(name)
    kept = {group: min(names) for group, names in members.items()}
    return {name: kept[group] for name, group in groups.items() if name != kept[group]}


def _refuse_clashes(short: Mapping[str, str], where: object) -> None:
    origin: dict[str, str] = {}
    for name, rest in short.items():
        if rest in origin:
            raise CheckpointError(
                f"{where}: tensors {shown(origin[rest])} and {shown(name)} are both {shown(rest)} once the prefixes "
                f"that wrappers add ('module.', '_orig_mod.') are taken off. Save the state dict of the bare network."
            )
        origin[rest] = name
