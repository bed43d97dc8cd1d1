"""One training run of a small classifier: hyperparameters, samples, augmentation and the training loop."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np
import torch
from jaxtyping import Float, Int64, UInt8
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

#: Share of the steps over which the learning rate rises. After them it falls along a cosine. Chosen by hand.
WARMUP = 0.1


@dataclass(frozen=True)
class Settings:
    """Hyperparameters of one training run.

    Arguments:
        learning_rate: the peak of AdamW's schedule.
        weight_decay: AdamW's, decoupled.
        epochs: passes over the images that the run sees.
        part: share of the training images, drawn at random for this run, as in cross-validation; 1 is all of them.
        final_rate: last learning rate of the schedule, as a share of its peak; 0 is a whole cosine, 1 a constant rate.
        label_smoothing: probability mass spread over all classes.
        mixup: α of the Beta(α, α) that mixing ratios are drawn from; 0 mixes nothing.
        shift: images move by up to this many pixels in both directions, black coming in.
        flip: mirror half of the images, left to right.
        erase: probability of blackening a square with a third of the image's height.
        noise: standard deviation of Gaussian noise, in units of the brightest pixel.
    """

    learning_rate: float
    weight_decay: float
    epochs: int
    part: float = 1.0
    final_rate: float = 0.0
    label_smoothing: float = 0.0
    mixup: float = 0.0
    shift: int = 0
    flip: bool = False
    erase: float = 0.0
    noise: float = 0.0


@runtime_checkable
class Samples(Protocol):
    """Training data of a network."""

    @property
    def labels(self) -> Int64[np.ndarray, " m"]:
        """The class of every sample."""

    def fingerprint(self) -> str:
        """A fingerprint of inputs and labels."""

    def batch(self, rows: Int64[np.ndarray, " b"], settings: Settings, rng: np.random.Generator) -> Any:
        """The inputs of some samples as the network takes them, augmented as the settings say."""


@dataclass(frozen=True)
class Images:
    """Labelled grey images: `uint8[m, h, w]` and `int64[m]`; the pixel value `brightest` stands for 1.0."""

    pixels: UInt8[np.ndarray, "m h w"]
    labels: Int64[np.ndarray, " m"]
    brightest: int = 255

    def fingerprint(self) -> str:
        """A fingerprint of pixels and labels."""
        return hashlib.sha256(self.pixels.tobytes() + self.labels.tobytes()).hexdigest()[:16]

    def batch(
        self, rows: Int64[np.ndarray, " b"], settings: Settings, rng: np.random.Generator
    ) -> Float[Tensor, "b 1 h w"]:
        """Some images in [0, 1], augmented."""
        return torch.from_numpy(augment(self.pixels[rows] / np.float32(self.brightest), settings, rng)).unsqueeze(1)

    def part(self, rows: Int64[np.ndarray, " b"]) -> Images:
        """Some of the images."""
        return Images(self.pixels[rows], self.labels[rows], self.brightest)

    def tensors(self) -> tuple[Float[Tensor, "m 1 h w"], Int64[Tensor, " m"]]:
        """Images in [0, 1] with their one channel, and labels, as a task takes them."""
        return torch.from_numpy(self.pixels).unsqueeze(1).float() / self.brightest, torch.from_numpy(self.labels)


def call(network: nn.Module, inputs: Any) -> Tensor:
    """Logits of a network that takes the inputs as they are."""
    logits: Tensor = network(inputs)
    return logits


def train(
    network: nn.Module,
    samples: Samples,
    settings: Settings,
    *,
    batch_size: int,
    rng: np.random.Generator,
    forward: Callable[[nn.Module, Any], Tensor] = call,
) -> None:
    """Trains a network in place: AdamW, warm-up and cosine, mixup (Zhang et al. 2018, arXiv 1710.09412).

    Arguments:
        network: parameters that ask for no gradient stay as they are.
        samples: the training data.
        settings: the hyperparameters. Mixup needs samples whose inputs are one tensor of floats.
        batch_size: samples in a step.
        rng: draws the order of the samples, their augmentation and mixing. Nothing else is random here.
        forward: `(network, inputs) -> logits [b, C]`.
    """
    count = len(samples.labels)
    seen = rng.permutation(count)[: max(1, round(settings.part * count))]
    labels = torch.from_numpy(samples.labels)
    optimizer = torch.optim.AdamW(
        network.parameters(), lr=settings.learning_rate, weight_decay=settings.weight_decay, fused=True
    )
    batches = -(-len(seen) // batch_size)
    steps = settings.epochs * batches
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: _rate(step / steps, settings.final_rate))
    network.train()
    for _ in range(settings.epochs):
        for chosen in np.array_split(rng.permutation(len(seen)), batches):
            rows = seen[chosen]
            inputs = samples.batch(rows, settings, rng)
            ratio, others = 1.0, rows
            if settings.mixup > 0:
                ratio, order = float(rng.beta(settings.mixup, settings.mixup)), rng.permutation(len(rows))
                inputs, others = ratio * inputs + (1 - ratio) * inputs[torch.from_numpy(order)], rows[order]
            logits = forward(network, inputs)
            loss = ratio * cross_entropy(logits, labels[rows], label_smoothing=settings.label_smoothing)
            if ratio < 1:
                loss = loss + (1 - ratio) * cross_entropy(
                    logits, labels[others], label_smoothing=settings.label_smoothing
                )
            optimizer.zero_grad()
            torch.autograd.backward(loss)
            optimizer.step()
            schedule.step()


def _rate(done: float, final: float) -> float:
    """The learning rate as a share of its peak, after a share `done` of the steps."""
    if done < WARMUP:
        return (done + 0.01) / (WARMUP + 0.01)
    return final + (1 - final) * 0.5 * (1 + float(np.cos(np.pi * (done - WARMUP) / (1 - WARMUP))))


def augment(
    pixels: Float[np.ndarray, "m h w"], settings: Settings, rng: np.random.Generator
) -> Float[np.ndarray, "m h w"]:
    """Shifted, mirrored, partly erased and noisy copies of images in [0, 1], as the settings say."""
    m, h, w = pixels.shape
    image = np.arange(m)[:, None, None]
    row, column = np.arange(h)[None, :, None], np.arange(w)[None, None, :]
    if settings.flip:
        column = np.where(rng.random((m, 1, 1)) < 0.5, w - 1 - column, column)
    if settings.shift > 0:
        by = settings.shift
        padded = np.pad(pixels, ((0, 0), (by, by), (by, by)))
        moves = rng.integers(0, 2 * by + 1, (2, m, 1, 1))
        pixels = padded[image, row + moves[0], column + moves[1]]
    elif settings.flip:
        pixels = pixels[image, row, column]
    if settings.erase > 0:
        side = h // 3
        top, left = rng.integers(0, h - side + 1, (m, 1, 1)), rng.integers(0, w - side + 1, (m, 1, 1))
        row, column = np.arange(h)[None, :, None], np.arange(w)[None, None, :]
        square = (row >= top) & (row < top + side) & (column >= left) & (column < left + side)
        pixels = np.where(square & (rng.random((m, 1, 1)) < settings.erase), np.float32(0), pixels)
    if settings.noise > 0:
        pixels = pixels + np.float32(settings.noise) * rng.standard_normal(pixels.shape, dtype=np.float32)
    return pixels
