"""Colours can be read, in light and in dark, as WCAG asks."""

import pytest

from radin.report.page.palette import (
    DARK,
    GROUNDS,
    LIGHT,
    MARKS,
    NEAR_TO_FAR_DARK,
    NEAR_TO_FAR_LIGHT,
    TEXTS,
    contrast,
    luminance,
    style,
)

#: WCAG 2.2, level AA: of text (1.4.3), and of marks that carry meaning (1.4.11).
TEXT, MARK = 4.5, 3.0


def test_contrast_is_that_of_the_standard() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21.0)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.005)
    assert contrast("#ffffff", "#777777") == contrast("#777777", "#ffffff")


@pytest.mark.parametrize("colours", [LIGHT, DARK], ids=["light", "dark"])
def test_text_and_marks_can_be_read(colours: dict[str, str]) -> None:
    for ground in GROUNDS:
        for text in TEXTS:
            assert contrast(colours[text], colours[ground]) >= TEXT, (text, ground)
        for mark in MARKS:
            assert contrast(colours[mark], colours[ground]) >= MARK, (mark, ground)
    for mark in ("soup", "surrogate", "ingredient", "ink"):
        assert contrast(colours[mark], colours["band"]) >= MARK, mark


@pytest.mark.parametrize("steps", [NEAR_TO_FAR_LIGHT, NEAR_TO_FAR_DARK], ids=["light", "dark"])
def test_distances_get_darker_or_lighter_all_the_way(steps: tuple[str, ...]) -> None:
    known = [luminance(colour) for colour in steps]
    assert known in (sorted(known), sorted(known, reverse=True))
    assert len({*known}) == len(steps)


def test_both_palettes_name_the_same_colours() -> None:
    assert LIGHT.keys() == DARK.keys()
    assert style().count("--soup:") == 2
    assert "prefers-color-scheme: dark" in style()
