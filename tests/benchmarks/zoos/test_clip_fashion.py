"""The pool of CLIPs, in a version that trains in seconds."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from helpers.fashion import HELD, tiny
from safetensors.torch import load_file

import radin
from benchmarks.zoos import clip_fashion
from radin.errors import DataError
from radin.tasks.load import load_task


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
    with pytest.raises(DataError, match=r"'ankle boot' is class 0 of the data, but 9 of .*classes='FILE'"):
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
