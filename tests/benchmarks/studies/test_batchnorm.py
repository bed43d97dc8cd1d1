import numpy as np
from helpers import small

import radin
from benchmarks.studies import batchnorm


def test_subsets_are_distinct_have_two_members_and_begin_with_all():
    masks = batchnorm.draw_subsets(4, 100, seed=0)
    assert masks.shape == (11, 4) and masks[0].all()
    assert len({mask.tobytes() for mask in masks}) == 11 and masks.sum(1).min() == 2
    assert np.array_equal(batchnorm.draw_subsets(9, 5, seed=3), batchnorm.draw_subsets(9, 5, seed=3))


def test_policies_differ_where_there_is_batchnorm_and_agree_where_there_is_none(tmp_path):
    for with_norm in (True, False):
        folder = tmp_path / str(with_norm)
        pool = radin.Pool(small.make_pool(folder / "pool", batchnorm=with_norm))
        task = small.task(batchnorm=with_norm)
        rows = batchnorm.measure("small", pool, task, folder / "run", subsets=6, seed=0)
        *soups, singles = rows
        assert [row.policy for row in soups] == ["average", "recompute", "keep"]
        assert (len({row.gap_nll for row in soups}) == 3) is with_norm
        assert soups[0].better == soups[0].error == 0
        for row in soups:
            assert np.isclose(row.score - soups[0].score, row.better)
        assert singles.subsets == len(pool)
        assert (singles.better != 0) is with_norm
        with radin.Verifier(pool, task, folder / "run") as verifier:
            assert np.isclose(singles.score - singles.better, verifier.solo.mean())
    assert batchnorm.table(rows).count("\n") == 5
