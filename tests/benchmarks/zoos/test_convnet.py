"""The pool of convolutional networks, in a version that trains in seconds."""

import numpy as np
from helpers.fashion import HELD, soup_of, tiny

import radin
from benchmarks.zoos import convnet


def test_a_tiny_convnet_pool_has_batchnorm_and_soups(tmp_path, data):
    paths = convnet.build(tmp_path / "pool", 2, data=data, sweep=tiny(convnet.SWEEP), jobs=1)
    task = convnet.task(data=data, selection=HELD, test=HELD)
    soup, singles = soup_of(paths, task, tmp_path)
    assert soup.shape == (HELD, 10)
    assert not any(np.allclose(soup, single) for single in singles)
    pool = radin.Pool(paths)
    assert any(name.endswith("running_var") for name in pool.tensors)
