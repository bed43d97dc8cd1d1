"""Fashion-MNIST: its files, its split, and its pool of tiny transformers."""

import gzip
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import torch
from helpers.fashion import write_idx
from helpers.tiny_zoo import settings_of
from safetensors.torch import load_file

from benchmarks.zoos import fashion_mnist
from radin.errors import DataError, MissingFileError

TINY = replace(
    fashion_mnist.SWEEP,
    pretraining=replace(fashion_mnist.SWEEP.pretraining, epochs=1),
    ranges=replace(fashion_mnist.SWEEP.ranges, epochs=(1,)),
    batch_size=16,
)


#: Without the time of day in the header, so that equal contents are equal bytes and tests have the same names.
packed = partial(gzip.compress, mtime=0)


@pytest.fixture
def data(tmp_path):
    folder = tmp_path / "data"
    folder.mkdir()
    rng = np.random.default_rng(0)
    for part, m in (("train", 90), ("t10k", 30)):
        write_idx(folder / f"{part}-images-idx3-ubyte.gz", rng.integers(0, 256, (m, 28, 28)))
        write_idx(folder / f"{part}-labels-idx1-ubyte.gz", np.arange(m) % 10)
    return folder


def test_idx_files_come_back_as_they_were_written(tmp_path):
    images = np.random.default_rng(0).integers(0, 256, (3, 5, 4)).astype(np.uint8)
    write_idx(tmp_path / "images.gz", images)
    assert np.array_equal(fashion_mnist.read_idx(tmp_path / "images.gz", 3), images)
    write_idx(tmp_path / "labels.gz", images[0, 0])
    assert np.array_equal(fashion_mnist.read_idx(tmp_path / "labels.gz", 1), images[0, 0])


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "no idx file"),
        (b"no gzip at all", "not a complete gzip"),
        (packed(bytes([0, 0, 8, 1, 0, 0, 0, 3, 1, 2, 3]))[:-9], "not a complete gzip"),
        (packed(bytes(100))[:12] + b"damaged" * 5, "not a complete gzip"),
        (packed(b""), "no idx file"),
        (packed(bytes([0, 0, 8, 1, 0, 0])), "no idx file"),
        (packed(bytes([0, 0, 13, 1, 0, 0, 0, 3, 1, 2, 3])), "starts with '00000d01', expected '00000801'"),
        (packed(bytes([0, 0, 8, 2, 0, 0, 0, 3, 1, 2, 3])), "1 dimensions"),
        (packed(bytes([0, 0, 8, 1, 0, 0, 0, 3, 1, 2])), "is 3 bytes, but holds 2"),
        (packed(bytes([0, 0, 8, 1, 0, 0, 0, 3, 1, 2, 3, 4])), "is 3 bytes, but holds 4"),
    ],
)
def test_a_damaged_idx_file_is_refused(tmp_path, content, message):
    path = tmp_path / "labels.gz"
    path.write_bytes(content)
    with pytest.raises(DataError, match=message) as error:
        fashion_mnist.read_idx(path, 1)
    assert str(path) in str(error.value)


def test_missing_data_say_where_to_get_them(tmp_path):
    with pytest.raises(MissingFileError, match=r"apt-get install dataset-fashion-mnist.*--data"):
        fashion_mnist.build(tmp_path / "out", data=tmp_path)
    assert not (tmp_path / "out").exists()


def test_images_and_labels_must_fit(data):
    write_idx(data / "train-labels-idx1-ubyte.gz", np.arange(89) % 10)
    with pytest.raises(DataError, match="90 images but 89 labels"):
        fashion_mnist.read_images(data, "train")
    write_idx(data / "train-labels-idx1-ubyte.gz", np.full(90, 10))
    with pytest.raises(DataError, match="the label 10"):
        fashion_mnist.read_images(data, "train")


def test_a_selection_that_leaves_no_training_images_is_refused(data):
    with pytest.raises(DataError, match="cannot hold out 90 of 90"):
        fashion_mnist.split(fashion_mnist.read_images(data, "train"), 90)


def test_a_tiny_pool_is_built_resumed_and_run(tmp_path, data):
    def build():
        return fashion_mnist.build(tmp_path / "out", 3, data=data, selection=40, sweep=TINY, jobs=1)

    paths = build()
    whole, kept = [path.read_bytes() for path in paths], paths[0].stat().st_ino
    paths[1].write_bytes(whole[1][:50])
    paths[2].unlink()
    assert build() == paths
    assert [path.read_bytes() for path in paths] == whole and paths[0].stat().st_ino == kept
    assert settings_of(paths[0])["settings"]["epochs"] == 1

    task = fashion_mnist.task(data=data, selection=40)
    network = task.build_model()
    network.load_state_dict(load_file(paths[0]))
    inputs, labels = task.data
    assert network(inputs).shape == (40, 10)
    assert inputs.min() >= 0 and inputs.max() == 1 and labels.shape == (40,)
    assert task.test[0].shape == (30, 1, 28, 28)
    assert fashion_mnist.task(data=data, selection=40, test=False).test is None


def test_selection_images_are_not_trained_on(data):
    training, selection = fashion_mnist.split(fashion_mnist.read_images(data, "train"), 40)
    seen, held = ({image.tobytes() for image in part.pixels} for part in (training, selection))
    assert len(seen) == 50 and len(held) == 40 and not seen & held


def test_attention_sees_where_a_patch_lies():
    torch.manual_seed(0)
    network = fashion_mnist.VisionTransformer()
    images = torch.rand(2, 1, 28, 28)
    assert not torch.allclose(network(images), network(images.flip(3)))
