"""The pool *fashion-mnist*: one small vision transformer, pretrained once and fine-tuned 16 times, as in a real sweep.

The images are those of Fashion-MNIST (Xiao, Rasul and Vollgraf 2017, arXiv 1708.07747), read from their own files.
"""

from __future__ import annotations

import gzip
import struct
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention

from radin.common.progress import SILENT, Progress
from radin.demo.sweep import Ranges, Sweep, train_pool
from radin.demo.training import Images, Settings
from radin.errors import DataError, MissingFileError
from radin.tasks import Task

#: Where the Debian package puts the four files.
DATA = Path("/usr/share/datasets/fashion-mnist")

#: Training images that train nothing: they select.
SELECTION_IMAGES = 5_000

CLASSES = (
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
)

#: Names in captions, class folders and the metadata of checkpoints. The order of the folders is not that of the labels.
NAMES = tuple(name.lower().replace("/", " or ") for name in CLASSES)


class Block(nn.Module):
    """A pre-norm transformer block: self-attention, then a two-layer perceptron twice as wide."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm1 = nn.LayerNorm(width)
        self.qkv = nn.Linear(width, 3 * width)
        self.proj = nn.Linear(width, width)
        self.norm2 = nn.LayerNorm(width)
        self.mlp = nn.Sequential(nn.Linear(width, 2 * width), nn.GELU(), nn.Linear(2 * width, width))

    def forward(self, tokens: Tensor) -> Tensor:
        """Tokens of the next block."""
        batch, count, width = tokens.shape
        q, k, v = self.qkv(self.norm1(tokens)).view(batch, count, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        mixed = scaled_dot_product_attention(q, k, v).transpose(1, 2).reshape(batch, count, width)
        tokens = tokens + self.proj(mixed)
        return tokens + self.mlp(self.norm2(tokens))


class VisionTransformer(nn.Module):
    """Logits of 10 classes from 28 × 28 pixels: 16 patches, mean over tokens, linear head (Dosovitskiy et al. 2021)."""

    def __init__(self, patch: int = 7, width: int = 64, depth: int = 4, heads: int = 4) -> None:
        super().__init__()
        self.embed = nn.Conv2d(1, width, patch, patch)
        self.position = nn.Parameter(0.02 * torch.randn(1, (28 // patch) ** 2, width))
        self.blocks = nn.Sequential(*[Block(width, heads) for _ in range(depth)])
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, len(CLASSES))

    def forward(self, images: Tensor) -> Tensor:
        """Logits of images."""
        tokens = self.embed(images).flatten(2).transpose(1, 2) + self.position
        logits: Tensor = self.head(self.norm(self.blocks(tokens)).mean(dim=1))
        return logits


SWEEP = Sweep(
    name="fashion-mnist",
    build_network=VisionTransformer,
    pretraining=Settings(learning_rate=2e-3, weight_decay=1e-2, epochs=5, flip=True),
    ranges=Ranges(
        learning_rate=(1e-4, 3e-3),
        weight_decay=(1e-4, 1e-1),
        epochs=(3, 4, 6),
        part=(0.2, 0.4),
        final_rate=(0.0, 0.1, 0.5),
        label_smoothing=(0.0, 0.05, 0.1),
        mixup=(0.0, 0.0, 0.2),
        shift=(0, 0, 1),
        flip=(False, True),
        erase=(0.0, 0.25),
    ),
    batch_size=128,
    classes=NAMES,
)


#: Training images of the smaller pools; the rest would only make the build longer.
TRAINING_IMAGES = 20_000


def read_idx(path: Path, dimensions: int) -> np.ndarray:
    """Reads a gzipped idx file of unsigned bytes: magic 0x0000 08 DD, DD sizes of 4 bytes big-endian, the bytes.

    Arguments:
        path: the file.
        dimensions: how many it must have: 3 for images, 1 for labels.

    Raises:
        MissingFileError: it is not there; the message says where to get it.
        DataError: it is not gzip, not idx, of other dimensions, or shorter or longer than its sizes say.
    """
    if not path.is_file():
        raise MissingFileError(
            f"{path} does not exist; get Fashion-MNIST with `apt-get install dataset-fashion-mnist`, or name "
            "the folder that holds its four .gz files with --data"
        )
    try:
        content = gzip.decompress(path.read_bytes())
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{path} is not a complete gzip file: {error}; fetch it again") from error
    start = 4 + 4 * dimensions
    if len(content) < start or content[:4] != bytes([0, 0, 8, dimensions]):
        raise DataError(
            f"{path} is no idx file of unsigned bytes in {dimensions} dimensions: it starts with "
            f"{content[:4].hex()!r}, expected {bytes([0, 0, 8, dimensions]).hex()!r}"
        )
    sizes = struct.unpack(f">{dimensions}I", content[4:start])
    expected = int(np.prod(sizes, dtype=np.int64))
    if len(content) - start != expected:
        raise DataError(f"{path} says {sizes}, which is {expected} bytes, but holds {len(content) - start}")
    return np.frombuffer(content, np.uint8, offset=start).reshape(sizes).copy()


def read_images(data: Path, part: str) -> Images:
    """The images and labels of one part, `train` or `t10k`.

    Raises:
        MissingFileError: a file is not there.
        DataError: a file is damaged, the two differ in length, or a label is not one of the ten.
    """
    pixels = read_idx(data / f"{part}-images-idx3-ubyte.gz", 3)
    labels = read_idx(data / f"{part}-labels-idx1-ubyte.gz", 1).astype(np.int64)
    if len(pixels) != len(labels) or len(labels) == 0:
        raise DataError(f"{data} holds {len(pixels)} images but {len(labels)} labels in its part {part!r}")
    if labels.max() >= len(CLASSES):
        raise DataError(f"{data} holds the label {labels.max()} in its part {part!r}; labels are 0 to 9")
    return Images(pixels, labels)


def split(images: Images, selection: int = SELECTION_IMAGES) -> tuple[Images, Images]:
    """Training and selection images, always the same; the files are in no order, but a permutation costs nothing.

    Raises:
        DataError: there are no more images than the selection takes.
    """
    if not 0 < selection < len(images.labels):
        raise DataError(f"cannot hold out {selection} of {len(images.labels)} training images")
    order = np.random.default_rng(0).permutation(len(images.labels))
    return images.part(order[selection:]), images.part(order[:selection])


def training_images(data: Path, count: int) -> Images:
    """The first images of those that other pools on Fashion-MNIST may train on; see `split`."""
    training, _ = split(read_images(data, "train"))
    return training.part(np.arange(count))


def evaluation_images(data: Path, selection: int, test: int) -> tuple[Images, Images]:
    """The first of the images that select, and of the official test images."""
    _, held = split(read_images(data, "train"))
    return held.part(np.arange(selection)), read_images(data, "t10k").part(np.arange(test))


@dataclass(frozen=True)
class SmallPool:
    """A pool of fine-tunings on the first training images, whose task takes the first of the others.

    Its methods are the functions `build` and `task` of a pool's module.

    Attributes:
        sweep: what is trained.
        n: fine-tunings.
        test: how many of the official test images report.
    """

    sweep: Sweep
    n: int
    test: int = 10_000

    def build(
        self,
        out: Path,
        n: int | None = None,
        *,
        data: Path = DATA,
        sweep: Sweep | None = None,
        seed: int = 0,
        jobs: int = 2,
        progress: Progress = SILENT,
    ) -> list[Path]:
        """Trains the pool, or the missing part of it; the arguments are those of *fashion-mnist*."""
        training = training_images(data, TRAINING_IMAGES)
        return train_pool(
            sweep or self.sweep, out, training, self.n if n is None else n, seed=seed, jobs=jobs, progress=progress
        )

    def task(
        self, metric: str = "accuracy", data: str | Path = DATA, selection: int = 5_000, test: int | None = None
    ) -> Task:
        """The task of the pool: held-out training images select, the first official test images report.

        Arguments:
            metric: what is selected for.
            data: the folder of the four files.
            selection: how many images select.
            test: how many report; by default as many as the pool says.
        """
        selecting, reporting = evaluation_images(Path(data), selection, self.test if test is None else test)
        return Task(self.sweep.build_network, selecting.tensors(), metric=metric, test=reporting.tensors())


def build(
    out: Path,
    n: int = 16,
    *,
    data: Path = DATA,
    selection: int = SELECTION_IMAGES,
    sweep: Sweep = SWEEP,
    seed: int = 0,
    jobs: int = 2,
    progress: Progress = SILENT,
) -> list[Path]:
    """Trains the pool, or the missing part of it: minutes; times are in `docs/zoos.md`.

    Arguments:
        out: where `run-00.safetensors` and on go.
        n: fine-tunings.
        data: the folder of the four files.
        selection: training images that are kept out of all training.
        sweep: what is trained; the tests take a smaller one.
        seed: of everything that is random.
        jobs: fine-tunings at a time, one thread each.
        progress: is told of epochs.

    Raises:
        MissingFileError, DataError: Fashion-MNIST is not there or damaged.
        InputError: `n` or `jobs` below 1.
        StorageError: a checkpoint could not be written.
    """
    training, _ = split(read_images(data, "train"), selection)
    return train_pool(sweep, out, training, n, seed=seed, jobs=jobs, progress=progress)


def task(
    metric: str = "accuracy", data: str | Path = DATA, selection: int = SELECTION_IMAGES, test: bool = True
) -> Task:
    """The task of the pool: 5 000 held-out training images select, the official 10 000 test images report.

    Arguments:
        metric: what is selected for.
        data: the folder of the four files.
        selection: how many training images were held out when the pool was built.
        test: False leaves the test set out, so that a part of the selection images is held back instead.
    """
    _, held = split(read_images(Path(data), "train"), selection)
    official = read_images(Path(data), "t10k").tensors() if test else None
    return Task(VisionTransformer, held.tensors(), metric=metric, test=official)
