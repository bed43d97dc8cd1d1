"""Sweeps: files that depend on the seed alone, and are trained again only if need be."""

from contextlib import nullcontext
from dataclasses import replace

import numpy as np
import pytest
import torch
from helpers.tiny_zoo import settings_of
from safetensors.torch import load_file

import radin
from radin.demo import digits
from radin.demo.sweep import train_pool
from radin.demo.training import Images
from radin.errors import InputError, StorageError

TINY = replace(
    digits.SWEEP,
    pretraining=replace(digits.SWEEP.pretraining, epochs=1),
    ranges=replace(digits.SWEEP.ranges, epochs=(1, 2)),
)


@pytest.fixture(scope="module")
def training():
    return digits.images()[0]


@pytest.fixture
def pool(tmp_path, training):
    return train_pool(TINY, tmp_path / "pool", training, 3)


def test_the_same_seed_writes_the_same_bytes_and_another_seed_others(tmp_path, training, pool):
    again = train_pool(TINY, tmp_path / "again", training, 3)
    other = train_pool(TINY, tmp_path / "other", training, 3, seed=1)
    assert [path.name for path in again] == ["run-00.safetensors", "run-01.safetensors", "run-02.safetensors"]
    assert [path.read_bytes() for path in again] == [path.read_bytes() for path in pool]
    assert len({path.read_bytes() for path in [*pool, *other]}) == 6


def test_files_name_their_classes_and_are_the_same_bytes_all_the_same(tmp_path, training):
    """Strings of metadata have another order in every file that the library writes."""
    sweep = replace(TINY, classes=tuple("abcdefghij"))
    one, other = (train_pool(sweep, tmp_path / name, training, 6)[-4:] for name in ("one", "other"))
    assert [path.read_bytes() for path in one] == [path.read_bytes() for path in other]
    assert radin.Pool(one).class_names == sweep.classes
    assert settings_of(one[0])["run"] == 2
    plain = train_pool(TINY, tmp_path / "plain", training, 3)[-1]
    assert all(torch.equal(tensor, load_file(one[0])[name]) for name, tensor in load_file(plain).items())


def test_a_smaller_pool_is_the_beginning_of_a_larger_one(tmp_path, training, pool):
    smaller = train_pool(TINY, tmp_path / "smaller", training, 1)
    assert smaller[0].read_bytes() == pool[0].read_bytes()


def test_models_trained_at_a_time_are_those_trained_one_by_one(tmp_path, training, pool):
    together = train_pool(TINY, tmp_path / "together", training, 3, jobs=2)
    assert [path.read_bytes() for path in together] == [path.read_bytes() for path in pool]


def test_finished_files_are_kept_and_broken_ones_are_trained_again(training, pool):
    whole = [path.read_bytes() for path in pool]
    inodes = [path.stat().st_ino for path in pool]
    pool[1].write_bytes(whole[1][:-100])
    pool[2].unlink()
    train_pool(TINY, pool[0].parent, training, 3)
    assert [path.read_bytes() for path in pool] == whole
    assert pool[0].stat().st_ino == inodes[0]
    assert sorted(path.name for path in pool[0].parent.iterdir()) == ["pretrained", *(path.name for path in pool)]


def test_files_made_with_other_settings_are_not_taken_for_finished(training, pool):
    before = [path.read_bytes() for path in pool]
    train_pool(replace(TINY, batch_size=32), pool[0].parent, training, 3)
    assert all(path.read_bytes() != old for path, old in zip(pool, before, strict=True))


def test_files_trained_on_other_data_are_not_taken_for_finished(training, pool):
    before = [path.read_bytes() for path in pool]
    train_pool(TINY, pool[0].parent, Images(16 - training.pixels, training.labels, brightest=16), 3)
    assert all(path.read_bytes() != old for path, old in zip(pool, before, strict=True))


def test_no_global_state_is_left_changed(tmp_path, training):
    def state():  # not that of `random`, from which beartype draws the items that it checks
        numpy_state = np.random.get_state()[1]  # noqa: NPY002 - the state that must stay as it is
        return torch.get_rng_state().tolist(), torch.get_num_threads(), numpy_state.tolist()

    before = state()
    train_pool(TINY, tmp_path, training, 1)
    assert state() == before


def test_global_state_has_no_influence(tmp_path, training, pool):
    torch.manual_seed(12345)
    assert train_pool(TINY, tmp_path / "moved", training, 1)[0].read_bytes() == pool[0].read_bytes()


def test_ingredients_fit_the_network_have_their_settings_and_differ(pool):
    states = [load_file(path) for path in pool]
    for path, state in zip(pool, states, strict=True):
        digits.network().load_state_dict(state)
        assert settings_of(path)["pool"] == "digits"
        assert settings_of(path)["settings"]["epochs"] in (1, 2)
    assert len({settings_of(path)["settings"]["learning_rate"] for path in pool}) == 3
    assert not torch.equal(states[0]["1.weight"], states[1]["1.weight"])


@pytest.mark.parametrize(("n", "jobs"), [(0, 1), (1, 0)])
def test_an_empty_pool_is_refused(tmp_path, training, n, jobs):
    with pytest.raises(InputError, match="at least 1"):
        train_pool(TINY, tmp_path, training, n, jobs=jobs)


def test_a_folder_that_cannot_be_written_is_named(tmp_path, training):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StorageError, match="file"):
        train_pool(TINY, tmp_path / "file" / "pool", training, 1)


def test_progress_counts_every_epoch(tmp_path, training):
    class Recorder:
        done: dict[str, list[int | None]] = {}  # noqa: RUF012 - one recorder, one test

        def stage(self, name, total, unit):
            self.done[name] = [total, 0]
            return nullcontext(lambda units: self.done[name].__setitem__(1, self.done[name][1] + units))

    recorder = Recorder()
    paths = train_pool(TINY, tmp_path, training, 2, progress=recorder)
    epochs = sum(settings_of(path)["settings"]["epochs"] for path in paths)
    assert recorder.done == {"pretraining": [1, 1], "fine-tuning": [epochs, epochs]}
