"""Images that the pools of Fashion-MNIST are trained on."""

from pathlib import Path

import numpy as np
import pytest
from helpers.fashion import HELD, write_idx
from helpers.tiny_zoo import tiny_digits

from benchmarks.zoos import broken, fashion_mnist


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Images whose class is where they are bright, in the files of Fashion-MNIST."""
    folder = tmp_path_factory.mktemp("data")
    rng = np.random.default_rng(0)
    for part, m in (("train", 5_000 + 80), ("t10k", HELD)):
        labels, images = np.arange(m) % 10, rng.integers(0, 60, (m, 28, 28))
        for image, label in zip(images, labels, strict=True):
            image[2 * label : 2 * label + 8] += 150
        write_idx(folder / f"{part}-images-idx3-ubyte.gz", images)
        write_idx(folder / f"{part}-labels-idx1-ubyte.gz", labels)
    return folder


@pytest.fixture(autouse=True)
def few_images(monkeypatch: pytest.MonkeyPatch) -> None:
    """The smaller pools train on 80 images."""
    monkeypatch.setattr(fashion_mnist, "TRAINING_IMAGES", 80)


@pytest.fixture(scope="module")
def bad(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """A pool of the digits with broken networks among its ingredients."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(broken, "SWEEP", tiny_digits(broken.SWEEP))
        return broken.build(tmp_path_factory.mktemp("broken"), n=2)
