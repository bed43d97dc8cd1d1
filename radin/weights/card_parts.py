"""The parts that every card of a soup is made of: front matter for model hubs, tables, sections, and escaped texts.

A card holds nothing but what may be published: paths of this machine never get into it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

#: The card's file, which model hubs look for.
CARD = "README.md"

#: By what soups are found on model hubs.
TAGS = ("merge", "radin", "model-soup")

#: Owner and name, as on model hubs; no path of a machine looks like this but a relative one of two parts.
HUB_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*/[A-Za-z0-9][A-Za-z0-9._-]*")

#: The same, and the old names of the Hugging Face Hub, which have no owner.
HUB = re.compile(r"[A-Za-z0-9][\w.-]*(/[A-Za-z0-9][\w.-]*)?")

#: Paths of a machine: from the root, from home, from here, from a drive, or a file's address.
LOCAL = re.compile(r"(?:file://|(?<![\w.])[A-Za-z]:[\\/]|(?<![\w/.:])(?:~|\.{1,2})?[\\/])[^\s,;\"'|<>()]*")

#: Texts that YAML takes as they are, and the words among them that it takes for something else.
PLAIN, WORDS = re.compile(r"[A-Za-z][\w./-]*"), ("null", "true", "false", "yes", "no", "on", "off", "y", "n")

#: Opens and closes front matter.
FENCE = "---\n"


def front_matter(values: Mapping[str, Any]) -> str:
    """A card's metadata as YAML between its fences, without the line's end behind the last."""
    return FENCE + "".join(f"{name}:{yaml_value(value)}\n" for name, value in values.items()) + FENCE.rstrip()


def yaml_value(value: Any) -> str:
    """All that follows a colon in YAML, of which JSON is a part; lists of texts one a line."""
    if isinstance(value, list | tuple) and value and all(isinstance(one, str) for one in value):
        return "".join(f"\n-{yaml_value(one)}" for one in value)
    plain = isinstance(value, str) and PLAIN.fullmatch(value) and value.lower() not in WORDS
    return f" {value if plain else json.dumps(value, ensure_ascii=False)}"


def added_to(card: str, values: Mapping[str, Any]) -> str:
    """The front matter of a card that radin wrote, with more entries at its end."""
    _, front, _ = card.split(FENCE, 2)
    return FENCE + front + front_matter(values).removeprefix(FENCE)


def hub_names(names: Iterable[Any], pattern: re.Pattern[str] = HUB) -> list[str]:
    """Those that name a model of a hub, each once; paths that exist on this machine are none."""
    found = (one for one in names if isinstance(one, str) and pattern.fullmatch(one) and not Path(one).exists())
    return list(dict.fromkeys(found))


def table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table of Markdown; cells are escaped already."""
    lines = [columns, ["---"] * len(columns), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def section(title: str, text: str) -> str:
    """A section of a card."""
    return f"## {title}\n\n{text}"


def section_of(card: str, title: str) -> str:
    """The text of a section of a card that radin wrote; empty where there is none."""
    found = re.search(rf"^## {re.escape(title)}\n\n(.*?)(?=\n\n## |\Z)", card, re.DOTALL | re.MULTILINE)
    return found[1].strip() if found else ""


def joined(parts: Iterable[str]) -> str:
    """A card of its parts; empty ones are left out."""
    return "\n\n".join(part for part in parts if part) + "\n"


def public(text: str) -> str:
    """A text with paths of this machine replaced by their last part."""
    return LOCAL.sub(lambda found: re.split(r"[\\/]", found.group().rstrip("\\/"))[-1], text)


def plain(text: str) -> str:
    """A text of somebody else's as Markdown shows it, letter by letter, without paths of this machine."""
    text = " ".join(public(text).split()).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return re.sub(r"([\\`*\[\]|])", r"\\\1", text)
