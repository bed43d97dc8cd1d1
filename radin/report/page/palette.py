"""The colours of the page, in light and in dark, and their contrast as WCAG 2 defines it.

Blue and orange carry the meaning where two colours have to be told apart, since nearly everyone sees them as different;
gains and losses have signs as well.
"""

from __future__ import annotations

#: Colours that text is set in, that marks are drawn in, and that lie behind both.
TEXTS = ("ink", "muted", "soup", "surrogate", "gain", "loss")
MARKS = ("soup", "surrogate", "ingredient", "gain", "loss")
GROUNDS = ("paper", "panel")

LIGHT = {
    "paper": "#ffffff",
    "panel": "#f5f4f0",
    "ink": "#1b1d20",
    "muted": "#5a5f66",
    "rule": "#dcdad3",
    "band": "#dfe9f3",
    "soup": "#0a5a9c",
    "surrogate": "#a84c00",
    "ingredient": "#767b82",
    "gain": "#14683a",
    "loss": "#a12d28",
}

DARK = {
    "paper": "#15181b",
    "panel": "#1e2226",
    "ink": "#e9e7e2",
    "muted": "#a7acb2",
    "rule": "#363c42",
    "band": "#243a50",
    "soup": "#74b8f5",
    "surrogate": "#f2a765",
    "ingredient": "#8f959c",
    "gain": "#6acb93",
    "loss": "#f29187",
}

#: Of distances, from near to far: one hue that gets darker, or lighter on a dark ground.
NEAR_TO_FAR_LIGHT = ("#eef3f8", "#d3e1ee", "#b0cae2", "#86add3", "#5a8ec0", "#3170a8", "#0e4f86", "#062f55")
NEAR_TO_FAR_DARK = tuple(
    reversed(("#e3effa", "#b9d6f1", "#8dbce6", "#63a0d6", "#4183bd", "#2b669a", "#204a72", "#1b3450"))
)


def style() -> str:
    """The colours as variables of CSS, dark ones where the reader's system is dark; paper is always light."""
    light, dark = _variables(LIGHT, NEAR_TO_FAR_LIGHT), _variables(DARK, NEAR_TO_FAR_DARK)
    return (
        f":root {{ color-scheme: light dark; {light} }}\n"
        f"@media screen and (prefers-color-scheme: dark) {{ :root {{ {dark} }} }}"
    )


def _variables(colours: dict[str, str], steps: tuple[str, ...]) -> str:
    named = colours | {f"step{i}": colour for i, colour in enumerate(steps)}
    return " ".join(f"--{name}: {colour};" for name, colour in named.items())


def contrast(one: str, other: str) -> float:
    """The contrast ratio of two colours, 1 to 21 (WCAG 2.2, https://www.w3.org/TR/WCAG22/#dfn-contrast-ratio)."""
    lighter, darker = sorted((luminance(one), luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def luminance(colour: str) -> float:
    """The relative luminance of a colour `#rrggbb`, 0 to 1."""
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
