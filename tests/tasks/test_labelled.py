"""Labelled images of every reader: parts, unreadable ones, and scores of a part of the classes."""

from pathlib import Path

import numpy as np
import pytest

from radin.errors import DataError, InputError
from radin.tasks.labelled import scored_columns
from radin.tasks.readers import open_data


def test_an_unreadable_image_stops_or_is_left_out(pets: Path) -> None:
    bad = pets / "train" / "cat" / "1.png"
    bad.write_bytes(bad.read_bytes()[:60])
    images = open_data(pets / "train")
    with pytest.raises(DataError, match=r"cat/1\.png: cannot be read as an image"):
        images[1]
    assert len(images) == 3
    skipping = open_data(pets / "train", corrupt="skip")
    assert skipping.labels.tolist() == [0, 1]
    assert skipping.skipped == 1
    assert "1 of 3 images cannot be read and are left out, such as" in skipping.remarks[0]
    assert str(bad) in skipping.remarks[0]
    assert [label for _, label in (skipping[i] for i in range(2))] == [0, 1]
    assert skipping.fingerprint() != images.fingerprint()
    with pytest.raises(InputError, match="corrupt must be 'stop' or 'skip'"):
        open_data(pets / "train", corrupt="ignore")


def test_what_was_found_unreadable_is_remembered(pets: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bad = pets / "train" / "big_dog" / "1.png"
    bad.write_text("no image")
    memory: dict[str, str] = {}
    first = open_data(pets / "train", corrupt="skip")
    first.survey(memory)
    second = open_data(pets / "train", corrupt="skip")
    with monkeypatch.context() as patch:
        patch.setattr(type(second), "open", lambda self, row: pytest.fail("read again"))
        second.survey(memory)
    assert second.skipped == first.skipped == 1
    assert second.fingerprint() == first.fingerprint()
    for name in ("cat/1.png", "cat/2.png"):
        (pets / "train" / name).write_text("no image")
    with pytest.raises(DataError, match="none of 3 images can be read"):
        len(open_data(pets / "train", corrupt="skip"))


def test_a_part_of_the_data_reads_no_other_file(pets: Path) -> None:
    images = open_data(pets / "train", corrupt="skip").take(np.array([2]))
    (pets / "train" / "big_dog" / "1.png").write_text("no image")
    assert (len(images), images.skipped, images.labels.tolist()) == (1, 0, [1])


def test_scores_are_those_of_the_classes_of_the_set() -> None:
    logits = np.random.default_rng(0).normal(size=(7, 5)).astype(np.float32)
    np.testing.assert_array_equal(scored_columns(logits, ((4,), (0,))), logits[:, [4, 0]])
    grouped = scored_columns(logits, ((3,), (0, 4), (1,)))
    np.testing.assert_array_equal(grouped, np.stack([logits[:, 3], logits[:, [0, 4]].max(1), logits[:, 1]], axis=1))
    assert scored_columns(logits, None) is logits
    with pytest.raises(DataError, match="class 5, but the network tells 5 classes apart"):
        scored_columns(logits, ((5,),))
