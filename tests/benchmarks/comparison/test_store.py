"""The store of a pool's logits."""

import numpy as np
import pytest
from helpers.tiny_zoo import TinyZoo

from benchmarks.comparison.store import Store
from radin.errors import InputError


@pytest.fixture(scope="module")
def zoo(tmp_path_factory: pytest.TempPathFactory) -> TinyZoo:
    return TinyZoo(tmp_path_factory.mktemp("zoo"))


def test_a_limit_takes_samples_of_both_sets_and_has_a_store_of_its_own(zoo: TinyZoo) -> None:
    with Store(zoo) as everything, Store(zoo, limit=100) as part:
        assert (len(everything.labels), len(part.labels)) == (300, 100)
        assert everything.key != part.key
        whole, few = everything.ingredient(0), part.ingredient(0)
        assert {row.tobytes() for row in np.round(few, 3)} <= {row.tobytes() for row in np.round(whole, 3)}


def test_a_limit_of_one_sample_is_refused(zoo: TinyZoo) -> None:
    with pytest.raises(InputError, match="at least 2 samples, got 1"):
        Store(zoo, limit=1)


def test_a_network_that_is_no_recipe_is_run_once(zoo: TinyZoo) -> None:
    asked = []
    with Store(zoo) as store:

        def write(path) -> None:
            asked.append(path)
            path.write_bytes(store.pool.paths[2].read_bytes())

        logits, seconds = store.logits_of_file("a copy of the third", write)
        again, _ = store.logits_of_file("a copy of the third", write)
        np.testing.assert_array_equal(logits, store.ingredient(2))
        np.testing.assert_array_equal(again, logits)
    assert len(asked) == 1
    assert seconds > 0
