"""Files of weights, one reader per format."""

from __future__ import annotations

import re
from functools import partial
from pathlib import Path

from radin.checkpoints.base import Checkpoint as Checkpoint
from radin.checkpoints.base import Reader as Reader
from radin.checkpoints.beginnings import refuse_other_formats
from radin.checkpoints.contents import ALL, check_weights
from radin.checkpoints.dtypes import TensorInfo as TensorInfo
from radin.checkpoints.model_folder import ModelFolder as ModelFolder
from radin.checkpoints.model_folder import is_model_folder as is_model_folder
from radin.checkpoints.named import NetworkCheckpoint as NetworkCheckpoint
from radin.checkpoints.pickled import PickledCheckpoint
from radin.checkpoints.safetensors import SafetensorsCheckpoint
from radin.checkpoints.sharded import INDEX, ShardedCheckpoint, read_index, refuse_shard
from radin.common.natural_order import natural
from radin.common.wording import shown
from radin.errors import CheckpointError, MissingFileError

PICKLED = (".pt", ".pth", ".ckpt", ".bin", ".pth.tar", ".pt.tar")
SUFFIXES = (".safetensors", *PICKLED)

#: Old scripts of PyTorch end names so; archives do, too, so such a file counts only where it is named itself.
NAMED_ONLY = ".tar"

#: What trainers leave beside the weights, under suffixes of checkpoints.
SIDECAR = re.compile(
    r"(optimizer|scheduler|rng_state|training_args|scaler|random_states|sampler|trainer_state|custom_checkpoint|amp)"
    r"([._-]?\w*)?\.\w+$"
)

#: Names of a model's file with that of its copy in PyTorch's format, as Hugging Face's libraries write them.
TWINS = {"model.safetensors": "pytorch_model.bin", "adapter_model.safetensors": "adapter_model.bin"}


def open_checkpoint(path: Path, *, weights: str | None = None, prefix: str | None = None) -> NetworkCheckpoint:
    """Reads the header of one checkpoint; the suffix says which format it has.

    Arguments:
        path: the file, the index of several (`model.safetensors.index.json`), or the folder of a model as Hugging
            Face's libraries save it, with a `config.json`.
        weights: which weights to take of a file that holds several: `model`, `ema`, `all`, or the key of a dict in it,
            see `radin.checkpoints.contents.choose`.
        prefix: the network is what stands under it; by default all tensors are its own.

    Raises:
        MissingFileError: there is no such file, or no such shard.
        CheckpointError: it is a folder without a config, one shard of several, of an unknown format, damaged, would run
            code, or lacks the weights that were asked for.
        InputError: `weights` cannot be a choice.
    """
    check_weights(weights)
    if path.is_dir() and not is_model_folder(path):
        raise CheckpointError(f"{path} is a folder, expected a file. Name its checkpoints: '{path}/*.safetensors'.")
    open_weights = partial(_open_weights, weights=weights)
    try:
        found = NetworkCheckpoint(ModelFolder(path, open_weights) if path.is_dir() else open_weights(path), prefix)
        if not found.tensors:
            raise CheckpointError(f"{path} holds no tensors, expected those of a network. Save it again.")
        return found
    except (MissingFileError, CheckpointError):
        raise
    except OSError as error:
        raise CheckpointError(f"{path} cannot be read: {error.strerror}") from error


def is_index(path: Path) -> bool:
    """Whether a file's name says that it is an index of shards."""
    return path.name.endswith(INDEX) and suffix_of(Path(path.name.removesuffix(INDEX))).lower() in SUFFIXES


def checkpoints_in(folder: Path) -> list[Path]:
    """The checkpoints that lie in a folder, in natural order; shards are no checkpoints, their index is one.

    What trainers leave beside the weights (optimizers, schedulers, random states) is passed over, and so are hidden
    files, unless all checkpoints are hidden. So is PyTorch's copy of a model that lies there as safetensors too, under
    the names of Hugging Face.
    """
    files = [file for file in folder.iterdir() if file.is_file() and not is_sidecar(file)]
    known = [file for file in files if is_index(file) or suffix_of(file).lower() in SUFFIXES]
    if not all(file.name.startswith(".") for file in known):
        files = [file for file in files if not file.name.startswith(".")]
    indices = [file for file in files if is_index(file)]
    shards = {shard for index in indices for shard in read_index(index)[0].values()}
    whole = [file for file in files if suffix_of(file).lower() in SUFFIXES and file.name not in shards]
    found = {file.name: file for file in sorted([*whole, *indices], key=natural)}
    for one, other in TWINS.items():
        if any(one + end in found for end in ("", INDEX)):
            found = {name: file for name, file in found.items() if name not in (other, other + INDEX)}
    return list(found.values())


def is_sidecar(path: Path) -> bool:
    """Whether a file is macOS's note on another (`._NAME`), or one of those that trainers leave beside the weights."""
    return path.name.startswith("._") or SIDECAR.match(path.name) is not None


def stem_of(path: Path) -> str:
    """A checkpoint's name without what says its format."""
    file = Path(path.name.removesuffix(INDEX)) if is_index(path) else path
    return file.name.removesuffix(suffix_of(file))


def suffix_of(path: Path) -> str:
    """The end of a name that says the format: `.pth.tar` as a whole, else what follows the last dot."""
    double = "".join(path.suffixes[-2:])
    return double if double.lower() in SUFFIXES else path.suffix


def _open_weights(path: Path, *, weights: str | None) -> Checkpoint:
    """One file, or the shards of an index."""
    if path.exists() and is_index(path):
        return ShardedCheckpoint(path, partial(_open_file, weights=weights))
    refuse_shard(path)
    return _open_file(path, weights=weights)


def _open_file(path: Path, *, weights: str | None) -> Checkpoint:
    if not path.exists():
        raise MissingFileError(f"no such checkpoint: {path}")
    if not path.is_file():
        raise CheckpointError(f"{path} is a pipe or a device, expected a file. Copy what it gives into a file.")
    suffix = suffix_of(path).lower()
    if suffix not in (*SUFFIXES, NAMED_ONLY):
        raise CheckpointError(
            f"{path}: cannot tell the format from the suffix {suffix!r}; known: {', '.join(SUFFIXES)}"
        )
    refuse_other_formats(path, suffix)
    if suffix == ".safetensors":
        if weights not in (None, "model", ALL):
            raise CheckpointError(
                f"{path}: a .safetensors file holds one set of weights, so there is no {shown(weights)} to choose. "
                f"Leave the choice out."
            )
        return SafetensorsCheckpoint(path)
    return PickledCheckpoint(path, weights)
