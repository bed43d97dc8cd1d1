"""Pictures are written without a word, whatever letters names have."""

from pathlib import Path

from matplotlib.figure import Figure
from PIL import Image

from radin.report.saved_figure import save_figure


def test_letters_that_the_font_does_not_have_are_drawn_without_a_warning(tmp_path: Path) -> None:
    figure = Figure(figsize=(3, 2))
    figure.suptitle("\u65e5\u672c\u8a9e")  # warnings are errors in tests
    save_figure(figure, tmp_path / "drawn.png")
    with Image.open(tmp_path / "drawn.png") as drawn:
        assert drawn.size == (360, 240)
