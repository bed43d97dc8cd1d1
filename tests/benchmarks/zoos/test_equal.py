"""The pool of near-equal ingredients."""

from helpers.fashion import tiny
from helpers.tiny_zoo import settings_of
from safetensors.torch import load_file

from benchmarks.zoos import equal


def test_equal_ingredients_differ_by_their_images_alone(tmp_path, data):
    paths = equal.build(tmp_path / "pool", 3, data=data, sweep=tiny(equal.SWEEP), jobs=1)
    assert len({str(settings_of(path)["settings"]) for path in paths}) == 1
    assert len({load_file(path)["1.weight"].numpy().tobytes() for path in paths}) == 3
