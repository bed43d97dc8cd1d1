"""The pools that train in seconds, on the digits."""

from dataclasses import replace

import pytest
import torch
from safetensors.torch import load_file

import radin
from benchmarks.zoos import broken, many, survey
from radin.demo.sweep import settings_of


def tiny(sweep):
    return replace(sweep, pretraining=replace(sweep.pretraining, epochs=5), ranges=replace(sweep.ranges, epochs=(1, 2)))


@pytest.fixture(scope="module")
def bad(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(broken, "SWEEP", tiny(broken.SWEEP))
        return broken.build(tmp_path_factory.mktemp("broken"), n=2)


def accuracy(task, path):
    network = task.build_model()
    network.load_state_dict(load_file(path))
    inputs, labels = task.data
    return float((network(inputs).argmax(1) == labels).double().mean())


def test_many_are_of_unequal_quality_and_fit_their_task(tmp_path, monkeypatch):
    monkeypatch.setattr(many, "SWEEP", tiny(many.SWEEP))
    paths = many.build(tmp_path, n=4)
    scores = [accuracy(many.task(), path) for path in paths]
    assert len(paths) == 4 and len(set(scores)) > 1 and min(scores) > 0.2


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
    assert accuracy(task, diverged) < 0.25 < accuracy(task, other)
    start = load_file(good.parent / "pretrained" / "pretrained.safetensors")["1.weight"]
    near, far = ((load_file(path)["1.weight"] - start).norm() for path in (good, other))
    assert far > 3 * near
    networks = [task.build_model(), task.build_model()]
    for network, path in zip(networks, (good, permuted), strict=True):
        network.load_state_dict(load_file(path))
    inputs = task.data[0][:50]
    assert torch.allclose(networks[0](inputs).flip(1), networks[1](inputs), atol=1e-5)


def test_a_finished_broken_network_is_left_alone(bad, monkeypatch):
    monkeypatch.setattr(broken, "SWEEP", tiny(broken.SWEEP))
    before = [path.stat().st_ino for path in bad]
    bad[3].unlink()
    assert broken.build(bad[0].parent, n=2) == bad
    after = [path.stat().st_ino for path in bad]
    assert after[:3] == before[:3] and after[4] == before[4]


def test_the_survey_tells_of_singles_and_soups(bad, tmp_path):
    pool = radin.Pool(bad[:2])
    start = bad[0].parent / "pretrained" / "pretrained.safetensors"
    name, count, *cells = survey.survey("broken", pool, broken.task(), start, tmp_path / "run")
    assert (name, count) == ("broken", "2") and len(cells) == len(survey.COLUMNS)
    worst, mean, best = (float(cell.split(" / ")[0]) for cell in cells[1:4])
    assert worst <= mean <= best
    assert worst == round(100 * min(accuracy_of(radin.Verifier(pool, broken.task(), tmp_path / "run"))), 2)
    assert cells[4].endswith("(2)")


def accuracy_of(verifier):
    with verifier:
        return verifier.solo
