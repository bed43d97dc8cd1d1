"""ObjectNet: its classes as groups of ImageNet's, and its frame."""

from pathlib import Path

import numpy as np
import pytest
from helpers.layouts import objectnet
from PIL import Image

from radin.errors import DataError, MissingFileError
from radin.tasks.readers import open_data


def test_objectnet_groups_classes_and_loses_its_frame(tmp_path: Path) -> None:
    root = objectnet(tmp_path)
    images = open_data(f"objectnet:{root}", lambda image: image.size, role="test")
    assert images.classes == ("backpack", "still_camera")
    assert images.titles == ("Backpack", "Still Camera")
    assert images.columns == ((414,), (732, 759))
    assert images.labels.tolist() == [0, 0, 1, 1]
    assert images[0] == ((8, 6), 0)
    with Image.open(images.paths[0]) as whole:
        inner = np.asarray(whole.convert("RGB"))[2:-2, 2:-2]
    np.testing.assert_array_equal(np.asarray(images.open(0)), inner)


def test_objectnet_without_its_mappings_is_refused(tmp_path: Path) -> None:
    root = objectnet(tmp_path)
    (root / "mappings" / "objectnet_to_imagenet_1k.json").write_text('{"Backpack": "no such class"}')
    with pytest.raises(DataError, match="do not fit one another"):
        open_data(f"objectnet:{root}")
    numbers = root / "mappings" / "pytorch_to_imagenet_2012_id.json"
    numbers.write_text('{"first": 0}')
    with pytest.raises(DataError, match="do not fit one another"):
        open_data(f"objectnet:{root}")
    (root / "mappings" / "objectnet_to_imagenet_1k.json").unlink()
    with pytest.raises(MissingFileError, match=r"objectnet_to_imagenet_1k\.json: no such file"):
        open_data(f"objectnet:{root}")
