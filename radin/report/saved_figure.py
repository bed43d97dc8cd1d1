"""Pictures as files."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import TYPE_CHECKING

from radin.common.files import written_aside

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def save_figure(figure: Figure, path: Path) -> None:
    """Writes a figure as PNG, at 120 points an inch.

    Letters of a name that the font does not have are drawn as boxes. That needs no warning: the report has the name.

    Arguments:
        figure: of matplotlib.
        path: the file.

    Raises:
        StorageError: it cannot be written.
    """
    with written_aside(path) as file, warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        figure.savefig(file, format="png", dpi=120)
