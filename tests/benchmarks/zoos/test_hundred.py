"""The pools of many perceptrons, in versions that train in seconds."""

import pytest
from helpers.fashion import HELD, tiny

import radin
from benchmarks.zoos import equal, fashion_mnist, hundred


@pytest.mark.parametrize("module", [hundred, equal])
def test_a_tiny_pool_of_perceptrons_is_built_once_and_runs(tmp_path, data, module):
    paths = module.build(tmp_path / "pool", 2, data=data, sweep=tiny(module.SWEEP), jobs=1)
    stamps = [path.stat().st_ino for path in paths]
    assert module.build(tmp_path / "pool", 2, data=data, sweep=tiny(module.SWEEP), jobs=1) == paths
    assert [path.stat().st_ino for path in paths] == stamps
    task = module.task(data=data, selection=HELD, test=HELD)
    with radin.Verifier(radin.Pool(paths), task, tmp_path / "run") as verifier:
        assert verifier.logits(radin.Recipe.uniform(verifier.names)).shape == (HELD, 10)


def test_images_that_train_and_images_that_select_are_different(data):
    training = fashion_mnist.training_images(data, 80)
    selecting, _ = fashion_mnist.evaluation_images(data, HELD, HELD)
    assert not {i.tobytes() for i in training.pixels} & {i.tobytes() for i in selecting.pixels}
