"""Numbers and names as they stand in sentences."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence


def counted(n: int, noun: str, plural: str | None = None) -> str:
    """`1 soup`, `1,204 soups`; `plural` where it is not the noun with an s."""
    return f"{n:,} {noun if n == 1 else plural or noun + 's'}"


def enumerated(names: Sequence[str]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def said_once(told: Iterable[tuple[str | None, str]]) -> list[str]:
    """Sentences in order, where what is said of several names alike is said once: `Each of a and b has diverged.`

    Arguments:
        told: names, or None, with sentences. Those that begin with their name may be said of others alike.
    """
    alike: dict[tuple[bool, str], list[str]] = {}
    for name, text in told:
        begins = name is not None and text.startswith(f"{name} ")
        rest = text[len(name) :] if begins and name is not None else text
        alike.setdefault((begins, rest), []).append(name or "")
    return [_of_all(names, rest) if begins else rest for (begins, rest), names in alike.items()]


def _of_all(names: Sequence[str], rest: str) -> str:
    return names[0] + rest if len(names) == 1 else f"Each of {enumerated(names)}{rest}"


def installing(extra: str) -> str:
    """The command that installs an extra of radin; it is in no package index, so that takes a clone."""
    return f"`pip install '.[{extra}]'` in a clone of radin"


#: Stands for a value that does not apply.
DASH = "–"


#: Magnitude below which a number is the rounding of a computation, and shown as zero.
ROUNDING = 1e-9

#: Magnitude from which a number is shown by its power of ten: a model that has diverged may have a perplexity of 1e+80.
HUGE = 1e9


def first_sentence(error: Exception) -> str:
    """What another library's error says in its first sentence, or its kind if it says nothing; without a stop."""
    return (str(error).strip() or type(error).__name__).split(". ")[0].splitlines()[0].strip().rstrip(".")


def signed(value: float | None, digits: int = 4) -> str:
    """`+0.0127`, and `-1.2e-05` of what these digits cannot show; a dash for None. Zero is `0.0000`, without a sign."""
    if value is None:
        return DASH
    if abs(value) >= HUGE:
        return f"{value:+.{digits}e}"
    text = f"{value:+.{digits}f}"
    return (_tiny(value, "+") or text[1:]) if float(text) == 0 else text


def directed(difference: float, higher_is_better: bool) -> str:
    """A difference in a metric with its sign, and which sign is better where it is not plus."""
    return signed(difference) + ("" if higher_is_better else ", below 0 is better")


def decimal(value: float | None, digits: int = 4) -> str:
    """`0.9563`, and `1.2e-05` of what these digits cannot show; a dash for None, and no negative zero."""
    if value is None:
        return DASH
    if abs(value) >= HUGE:
        return f"{value:.{digits}e}"
    text = f"{value:.{digits}f}"
    return (_tiny(value) or text.removeprefix("-")) if float(text) == 0 else text


def _tiny(value: float, sign: str = "") -> str:
    """A number that is nearly zero; empty where it is zero but for rounding."""
    return f"{value:{sign}.2g}" if abs(value) >= ROUNDING else ""


def told_apart(*values: float, digits: int = 4, most: int = 8) -> list[str]:
    """Numbers of one sentence with as many digits as tell different ones apart.

    Arguments:
        values: to be compared.
        digits: decimals at least.
        most: decimals at most; values that are still alike are shown alike.
    """
    different = len(set(values))
    for places in range(digits, most + 1):
        texts = [decimal(value, places) for value in values]
        if len(set(texts)) == different:
            return texts
    return [decimal(value, digits) for value in values]


def in_passes(passes: int | float) -> str:
    """Passes of a network over data: `12`, and `9.99` where some covered a part of the data."""
    return f"{passes:,.2f}".removesuffix(".00")


def size(nbytes: int | float) -> str:
    """Bytes as a person reads them."""
    for unit in ("B", "kB", "MB", "GB"):
        if nbytes < 1000:
            return f"{nbytes:.0f} {unit}" if unit == "B" else f"{nbytes:.1f} {unit}"
        nbytes /= 1000
    return f"{nbytes:.1f} TB"


def duration(seconds: float) -> str:
    """Seconds as a person reads them."""
    if seconds < 120:
        return f"{seconds:.1f} s"
    return f"{seconds / 60:.1f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"


#: Characters of a name beyond which its middle is left out in a table. Chosen by hand.
LONG = 41

#: Characters where a name may be cut.
SEAMS = "-_./ "

#: A number with such characters in it, which is not cut, as `0.001` or `1e-3`; also read from its end.
NUMBER = re.compile(r"\d+(?:\.\d+)+|\d(?:\.\d+)?[eE]-\d+|\d+-[eE](?:\d+\.)?\d")


def shortened(names: Sequence[str], longest: int) -> dict[str, str]:
    """Short forms of names, without the beginning and the end that all of them share.

    Names are left as they are where the longest fits. A cut is made at a seam, such as `-` or `/`, and shown as `…`.
    Names that are longer than `LONG` after that lose their middle, if they stay different.

    Arguments:
        names: different ones.
        longest: characters that need no shortening.
    """
    if not names or max(map(len, names)) <= longest:
        return {name: name for name in names}
    short = _without_shared(names) if len(names) > 1 else {name: name for name in names}
    cut = {name: _without_middle(one) for name, one in short.items()}
    return cut if len({*cut.values()}) == len({*short.values()}) else short


def with_short_names(text: str, short: Mapping[str, str]) -> str:
    """A text with short forms of names in it.

    Arguments:
        text: may hold names.
        short: forms of names, see `shortened`.
    """
    for name in sorted(short, key=len, reverse=True):  # one name may begin with another
        text = text.replace(name, short[name]) if short[name] != name else text
    return text


def _without_middle(name: str) -> str:
    half = (LONG - 1) // 2
    return name if len(name) <= LONG else f"{name[:half]}…{name[-half:]}"


def _without_shared(names: Sequence[str]) -> dict[str, str]:
    start, end = _shared(names), _shared([name[::-1] for name in names])
    least = min(map(len, names))
    end = min(end, least - start - 1) if start < least else 0
    end = end if end > 0 and all(name[len(name) - end] in SEAMS for name in names) else 0
    return {
        name: f"{'…' if start else ''}{name[start : len(name) - end]}{'…' if end else ''}" if start or end else name
        for name in names
    }


def _shared(names: Sequence[str]) -> int:
    """Characters that all names begin with, up to and with the last seam that is not inside of a number."""
    first, last = min(names), max(names)  # whatever these two begin with, all those between them do
    alike = next((i for i, pair in enumerate(zip(first, last, strict=False)) if pair[0] != pair[1]), len(first))
    numbers = {i for name in (first, last) for found in NUMBER.finditer(name) for i in range(*found.span())}
    return max((i for i, one in enumerate(first[:alike]) if one in SEAMS and i not in numbers), default=-1) + 1


#: Characters of a name that a message shows.
SHOWN = 80


def shown(name: str) -> str:
    """A name out of a file, in quotes: what cannot be printed escaped, long ones with their middle left out."""
    if len(name) > SHOWN:
        name = f"{name[: SHOWN // 2]}...{name[-SHOWN // 4 :]}"
    return ascii(name) if any(0xD800 <= ord(letter) < 0xE000 for letter in name) else repr(name)


#: Characters that control a terminal, but for the ends of lines and tabs.
_CONTROLS = {code: f"\\x{code:02x}" for code in (*range(32), *range(127, 160)) if chr(code) not in "\n\t"}


def printable(text: str) -> str:
    """A text whose characters that control a terminal are escaped; it may hold the name of any file."""
    return text.translate(_CONTROLS)


def in_one_line(text: str) -> str:
    """The same with ends of lines and tabs escaped, too, as a name is shown."""
    return printable(text).replace("\n", "\\x0a").replace("\t", "\\x09")


def shown_shape(shape: Sequence[int]) -> str:
    """A shape as a list, long ones and large numbers cut short."""
    sizes = [str(size) if abs(size) < 10**20 else "a huge number" for size in shape[:8]]
    return f"[{', '.join(sizes)}{f', ... {len(shape)} dimensions' if len(shape) > 8 else ''}]"
