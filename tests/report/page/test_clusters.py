"""What is near stands together."""

import numpy as np
import pytest

from radin.report.page.clusters import clustered


def distances(points: np.ndarray) -> np.ndarray:
    return np.linalg.norm(points[:, None] - points[None, :], axis=-1)


def test_clusters_stand_together() -> None:
    rng = np.random.default_rng(0)
    group = rng.integers(3, size=24)
    points = np.array([[0.0, 0.0], [50.0, 0.0], [0.0, 90.0]])[group] + rng.normal(size=(24, 2))
    order = clustered(distances(points))
    assert sorted(order) == list(range(24))
    assert np.count_nonzero(np.diff(group[order])) == 2, "three groups have two borders"


def test_it_is_the_hierarchy_of_scipy() -> None:
    hierarchy = pytest.importorskip("scipy.cluster.hierarchy")
    from scipy.spatial.distance import squareform

    apart = distances(np.random.default_rng(1).normal(size=(20, 3)))
    order = clustered(apart)
    tree = hierarchy.linkage(squareform(apart, checks=False), "average")
    for k in range(2, 20):
        labels = hierarchy.fcluster(tree, k, "maxclust")[order]
        assert np.count_nonzero(np.diff(labels)) == len({*labels}) - 1, "each cluster is one stretch of the order"


def test_points_on_a_line_keep_their_order() -> None:
    order = clustered(distances(np.array([[3.0], [0.0], [1.0], [7.0]])))
    assert order in ([1, 2, 0, 3], [3, 0, 2, 1])


def test_unknown_distances_are_the_largest() -> None:
    apart = distances(np.array([[0.0], [1.0], [2.0]]))
    apart[1, :] = apart[:, 1] = np.nan
    assert sorted(clustered(apart)) == [0, 1, 2]
    assert clustered(np.zeros((0, 0))) == []
    assert clustered(np.zeros((1, 1))) == [0]
