"""The pool with broken networks among its ingredients."""

import torch
from helpers.tiny_zoo import accuracy_of_file, settings_of, tiny_digits
from safetensors.torch import load_file

from benchmarks.zoos import broken


def test_the_three_broken_networks_are_finite_and_useless_or_from_elsewhere(bad):
    good, diverged, other, permuted = bad[0], *bad[2:]
    assert [settings_of(path).get("broken") for path in bad] == [
        None,
        None,
        "diverged",
        "other-start",
        "permuted-classes",
    ]
    assert all(tensor.isfinite().all() for path in bad for tensor in load_file(path).values())
    task = broken.task()
    assert accuracy_of_file(task, diverged) < 0.25 < accuracy_of_file(task, other)
    start = load_file(good.parent / "pretrained" / "pretrained.safetensors")["1.weight"]
    near, far = ((load_file(path)["1.weight"] - start).norm() for path in (good, other))
    assert far > 3 * near
    networks = [task.build_model(), task.build_model()]
    for network, path in zip(networks, (good, permuted), strict=True):
        network.load_state_dict(load_file(path))
    inputs = task.data[0][:50]
    assert torch.allclose(networks[0](inputs).flip(1), networks[1](inputs), atol=1e-5)


def test_a_finished_broken_network_is_left_alone(bad, monkeypatch):
    monkeypatch.setattr(broken, "SWEEP", tiny_digits(broken.SWEEP))
    before = [path.stat().st_ino for path in bad]
    bad[3].unlink()
    assert broken.build(bad[0].parent, n=2) == bad
    after = [path.stat().st_ino for path in bad]
    assert after[:3] == before[:3] and after[4] == before[4]
