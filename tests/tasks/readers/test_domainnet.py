"""DomainNet by domain: its lists say which images, which split and which label."""

from pathlib import Path

import pytest
from helpers.layouts import domainnet

from radin.errors import DataError, InputError, MissingFileError
from radin.tasks.readers import open_data, open_sets

CLASSES = ("The_Eiffel_Tower", "aircraft_carrier", "zebra")


def test_a_domain_is_a_folder_and_its_lists(tmp_path: Path) -> None:
    root = domainnet(tmp_path)
    images = open_data(f"domainnet/test:{root / 'clipart'}")
    assert images.classes == CLASSES
    assert images.titles[0] == "The Eiffel Tower"
    assert images.labels.tolist() == [0, 0, 0, 1, 1, 1, 2, 2, 2]
    for row, label in enumerate(images.labels):
        assert images.paths[row].parent.name == CLASSES[label]
    assert len(open_data(f"domainnet/train:{root / 'painting'}")) == 20  # one of its classes is not there
    assert open_data(f"domainnet/train:{root / 'painting'}").classes == CLASSES


def test_one_domain_selects_and_others_report(tmp_path: Path) -> None:
    root = domainnet(tmp_path)
    test = f"clipart=domainnet:{root / 'clipart'},painting=domainnet:{root / 'painting'}"
    sets = open_sets(f"domainnet:{root / 'clipart'}", test)
    assert len(sets.data) == 3  # a tenth of the training list
    assert {name: len(images) for name, images in sets.test.items()} == {"clipart": 9, "painting": 9}
    rest = open_data(f"domainnet/rest:{root / 'clipart'}")
    assert len(rest) == 27
    assert not set(sets.data.rows) & set(rest.rows)


def test_what_does_not_fit_is_said(tmp_path: Path) -> None:
    root = domainnet(tmp_path)
    with pytest.raises(MissingFileError, match=r"sketch_train\.txt.*the domains there are clipart, painting"):
        open_data(f"domainnet:{root / 'sketch'}")
    with pytest.raises(InputError, match="no split 'val'"):
        open_data(f"domainnet/val:{root / 'clipart'}")
    (root / "painting_test.txt").write_text("painting/other/x.jpg 0\n")
    with pytest.raises(DataError, match="label 0 is"):
        open_data(f"domainnet/test:{root / 'clipart'}")
    for line in ("painting/zebra", "zebra.jpg 2"):
        (root / "painting_test.txt").write_text(f"{line}\n")
        with pytest.raises(DataError, match=r"painting_test\.txt: expected lines such as"):
            open_data(f"domainnet/test:{root / 'clipart'}")
    (root / "painting_test.txt").write_text("painting/zebra/gone.jpg 2\n")
    with pytest.raises(MissingFileError, match=r"gone\.jpg: no such file, nor 0 others of"):
        open_data(f"domainnet/test:{root / 'painting'}")
