import sys

import pytest
import torch
from safetensors.torch import load_file

import radin
from radin.demo import digits
from radin.errors import InputError


def test_the_pool_learns_to_read(tmp_path):
    (path,) = digits.train_pool(tmp_path, n=1)
    network = digits.network()
    network.load_state_dict(load_file(path))
    inputs, labels = digits.task().data
    assert (network(inputs).argmax(1) == labels).double().mean() > 0.9


def test_nothing_leaks_from_training_to_validation():
    train, validation = digits.images()
    assert train.pixels.shape == (500, 8, 8) and validation.pixels.shape == (1297, 8, 8)
    assert not {image.tobytes() for image in train.pixels} & {image.tobytes() for image in validation.pixels}
    inputs, labels = digits.task().data
    assert torch.equal(inputs, torch.from_numpy(validation.pixels).unsqueeze(1) / 16)
    assert labels.tolist() == validation.labels.tolist()


def test_without_scikit_learn_the_error_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)
    with pytest.raises(InputError, match=r"pip install '\.\[demo\]'"):
        digits.train_pool(tmp_path)


def test_the_mixed_pool_has_three_that_do_not_belong(tmp_path, monkeypatch):
    train = digits.train_pool
    monkeypatch.setattr(digits, "train_pool", lambda folder, **settings: train(folder, 1, **settings))
    good, *strays = digits.train_mixed_pool(tmp_path)
    assert [path.name for path in strays] == [
        "run-01-rate-0.1.safetensors",
        "run-02-rate-0.5.safetensors",
        "run-03-other-start.safetensors",
    ]
    assert [*radin.Pool(tmp_path / "*.safetensors").paths] == [good, *strays], "a glob finds the same pool"
    inputs, labels = digits.task().data
    network = digits.network()
    network.load_state_dict(load_file(strays[1]))
    assert (network(inputs).argmax(1) == labels).double().mean() < 0.5, "it diverged"
    before = strays[1].stat().st_mtime_ns
    assert digits.train_mixed_pool(tmp_path) == [good, *strays]
    assert strays[1].stat().st_mtime_ns == before, "finished files are not trained again"
