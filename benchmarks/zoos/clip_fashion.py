"""The pool *clip-fashion*: a small CLIP on Fashion-MNIST, fine-tuned 13 times from its zero-shot head.

As in the paper on model soups (Wortsman et al. 2022, arXiv 2203.05482): image and text tower are first trained with
images and captions by CLIP's contrastive loss. Fine-tuning starts from the zero-shot head that the text tower gives, by
a random sweep, image tower and head together. The files have the layout of that paper's repository.

`python -m benchmarks.zoos.clip_fashion DIR` writes the images that select and report as image folders, for
`radin soup --task open_clip`.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from benchmarks.zoos import fashion_mnist
from benchmarks.zoos.fashion_mnist import CLASSES, DATA, NAMES
from radin.common.progress import SILENT, Progress
from radin.demo.sweep import Ranges, Sweep, is_finished, publish, train_pool, untouched_torch_state
from radin.demo.training import Images, Settings
from radin.tasks import Task
from radin.tasks.clip import Architecture, import_open_clip
from radin.tasks.open_clip import Classifier, zero_shot_classifier

#: The network, as open_clip's own configs describe theirs.
CONFIG = Path(__file__).with_name("clip-fashion.json")

TEMPLATES = (
    "a photo of a {}.",
    "a picture of a {} in a shop.",
    "a small grey image of a {}.",
    "this {} is for sale.",
    "a {} on a black background.",
)

#: Training images of both stages.
TRAINING_IMAGES = 20_000

#: Of contrastive training.
CONTRASTIVE = Settings(learning_rate=1e-3, weight_decay=1e-2, epochs=3, flip=True)

#: Pairs of image and caption that are contrasted with one another.
PAIRS = 128

#: Mean and standard deviation by which open_clip prepares images unless the config says otherwise; equal inputs in
#: the image folders give equal logits.
MEAN, STD = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)


def prepared(images: Float[Tensor, "b 1 h w"]) -> Float[Tensor, "b 3 h w"]:
    """Grey images in [0, 1] as the image tower takes them."""
    mean, std = (images.new_tensor(values)[:, None, None] for values in (MEAN, STD))
    return (images - mean) / std


def forward(network: nn.Module, images: Float[Tensor, "b 1 h w"]) -> Float[Tensor, "b C"]:
    """Logits of grey images."""
    logits: Tensor = network(prepared(images))
    return logits


def classifier() -> nn.Module:
    """The network that is fine-tuned, with random weights; the text tower's remains ask for no gradient."""
    architecture = Architecture.read(CONFIG)
    network = Classifier(architecture.build(), architecture.config["embed_dim"], len(CLASSES))
    for name, parameter in network.named_parameters():
        parameter.requires_grad_(name.startswith(("model.visual.", "classification_head.")))
    return network


SWEEP = Sweep(
    name="clip-fashion",
    build_network=classifier,
    pretraining=None,
    ranges=Ranges(
        learning_rate=(1e-4, 2e-3),
        weight_decay=(1e-4, 1e-1),
        epochs=(2, 3, 4),
        part=(0.1, 0.2),
        label_smoothing=(0.0, 0.05, 0.1),
        mixup=(0.0, 0.0, 0.2),
        shift=(0, 0, 1),
        flip=(False, True),
        erase=(0.0, 0.25),
    ),
    batch_size=64,
    forward=forward,
    classes=NAMES,
)


def contrast(images: Images, settings: Settings, seed: int) -> Any:
    """A CLIP trained with images and captions: every image has its class in one of the templates, drawn anew."""
    library, architecture = import_open_clip(), Architecture.read(CONFIG)
    clip, tokenizer, loss = architecture.build(), architecture.tokenizer(), library.ClipLoss()
    captions = tokenizer([template.format(name) for name in NAMES for template in TEMPLATES])
    rng = np.random.default_rng((seed, 3))
    batches = -(-len(images.labels) // PAIRS)
    optimizer = torch.optim.AdamW(
        clip.parameters(), lr=settings.learning_rate, weight_decay=settings.weight_decay, fused=True
    )
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, settings.learning_rate, total_steps=settings.epochs * batches, cycle_momentum=False
    )
    for _ in range(settings.epochs):
        for rows in np.array_split(rng.permutation(len(images.labels)), batches):
            drawn = images.labels[rows] * len(TEMPLATES) + rng.integers(len(TEMPLATES), size=len(rows))
            seen = clip.encode_image(prepared(images.batch(rows, settings, rng)), normalize=True)
            told = clip.encode_text(captions, normalize=True)[drawn]  # there are fewer captions than pairs in a batch
            optimizer.zero_grad()
            torch.autograd.backward(loss(seen, told, clip.logit_scale.exp()))
            optimizer.step()
            schedule.step()
    return clip


def build(
    out: Path,
    n: int = 13,
    *,
    data: Path = DATA,
    sweep: Sweep = SWEEP,
    contrastive: Settings = CONTRASTIVE,
    images: int = TRAINING_IMAGES,
    seed: int = 0,
    jobs: int = 2,
    progress: Progress = SILENT,
) -> list[Path]:
    """Trains the pool, or the missing part of it.

    Beside the pool, `initial/clip.safetensors` is the whole CLIP and `initial/zero-shot.safetensors` the classifier
    that it gives.

    Arguments:
        out: where `run-00.safetensors` and on go.
        n: fine-tunings.
        data: the folder of the four files of Fashion-MNIST.
        sweep: what is fine-tuned.
        contrastive: how the whole CLIP is trained before.
        images: how many train, in both stages.
        seed: of everything that is random.
        jobs: fine-tunings at a time, one thread each.
        progress: is told of epochs.
    """
    training = fashion_mnist.training_images(data, images)
    whole, start = (out / "initial" / f"{name}.safetensors" for name in ("clip", "zero-shot"))
    record = sweep.record(contrastive, seed, data=training.fingerprint(), pairs=PAIRS, templates=TEMPLATES)
    if not (is_finished(whole, record) and is_finished(start, record)):
        with progress.stage("contrastive training", contrastive.epochs, "epoch") as advance:
            with untouched_torch_state(seed):
                clip = contrast(training, contrastive, seed)
                tokenizer = Architecture.read(CONFIG).tokenizer()
                network = zero_shot_classifier(clip, tokenizer, NAMES, TEMPLATES)
                publish(clip.state_dict(), whole, record)
                publish(network.state_dict(), start, record)
            advance(contrastive.epochs)
    return train_pool(sweep, out, training, n, seed=seed, jobs=jobs, initial=start, progress=progress)


def task(metric: str = "accuracy", data: str | Path = DATA, selection: int = 5_000, test: int = 5_000) -> Task:
    """The task of the pool: held-out training images select, the first official test images report.

    Arguments:
        metric: what is selected for.
        data: the folder of the four files.
        selection: how many images select.
        test: how many report.
    """
    selecting, reporting = fashion_mnist.evaluation_images(Path(data), selection, test)
    return Task(classifier, selecting.tensors(), metric=metric, test=reporting.tensors(), forward=forward)


def export_images(out: Path, data: Path = DATA, selection: int = 5_000, test: int = 5_000) -> None:
    """Writes the images of `task` as `OUT/selection/CLASS/00000.png` and `OUT/test/...`, and `OUT/classes.txt`."""
    from PIL import Image

    parts = fashion_mnist.evaluation_images(data, selection, test)
    for part, images in zip(("selection", "test"), parts, strict=True):
        for name in NAMES:
            (out / part / name).mkdir(parents=True, exist_ok=True)
        for i, (pixels, label) in enumerate(zip(images.pixels, images.labels, strict=True)):
            Image.fromarray(pixels).save(out / part / NAMES[label] / f"{i:05d}.png")
    (out / "classes.txt").write_text("".join(f"{name}\n" for name in NAMES), encoding="utf-8")


def main(arguments: Sequence[str] | None = None) -> None:
    """Writes the image folders."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.zoos.clip_fashion", description=export_images.__doc__)
    parser.add_argument("out", type=Path, help="the folder; files in it are overwritten")
    parser.add_argument("--data", type=Path, default=DATA, help="the folder of the four files of Fashion-MNIST")
    given = parser.parse_args(arguments)
    export_images(given.out, given.data)


if __name__ == "__main__":
    main()
