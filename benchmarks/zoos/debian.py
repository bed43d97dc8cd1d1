"""Real labelled text that needs no download: what Debian's packages say of themselves, and their section."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np

from radin.common.files import written_aside
from radin.errors import DataError, MissingFileError

#: The classes, in label order: sections that tell of a subject, not of a language or a kind of file.
SECTIONS = ("admin", "games", "graphics", "math", "net", "science", "sound", "text", "web", "x11")

#: Descriptions of one section at most, so that classes are of similar size.
MOST = 450


def descriptions(path: Path) -> list[tuple[int, str]]:
    """Labels and descriptions, in random order; read from a file, which is written from apt's lists if it is missing.

    Raises:
        MissingFileError, DataError: see `kept`.
    """
    return [(SECTIONS.index(section), text) for section, text in kept(path, SECTIONS, select)]


def kept(path: Path, sections: Sequence[str], chosen: Callable[[str], list[tuple[str, str]]]) -> list[tuple[str, str]]:
    """Sections and descriptions as a file holds them, which is written from apt's lists if it is missing.

    Arguments:
        path: the file.
        sections: those that it may name.
        chosen: takes the records of all packages, and chooses sections and descriptions.

    Raises:
        MissingFileError: there are neither the file nor apt's lists.
        DataError: the file holds other lines than `SECTION<tab>DESCRIPTION`, or apt's lists lack a section.
    """
    if not path.is_file():
        lines = [f"{section}\t{text}\n" for section, text in chosen(available())]
        with written_aside(path) as file:
            file.write("".join(lines).encode())
    found = []
    for line in path.read_text(encoding="utf-8").splitlines():
        section, tab, text = line.partition("\t")
        if not tab or section not in sections:
            raise DataError(f"{path}: expected one of {', '.join(sections)}, a tab and a description, got {line!r}")
        found.append((section, text))
    return found


def available() -> str:
    """The records of all packages that apt knows.

    Raises:
        MissingFileError: apt is not there.
    """
    if shutil.which("apt-cache") is None:
        raise MissingFileError("the descriptions of Debian's packages come from apt-cache, which is not installed")
    return subprocess.run(["apt-cache", "dumpavail"], check=True, capture_output=True, encoding="utf-8").stdout


def packages(known: str) -> Iterator[tuple[str, str, str]]:
    """Source, section and description of each package that has one.

    Arguments:
        known: paragraphs of `apt-cache dumpavail`.
    """
    for paragraph in known.split("\n\n"):
        fields = dict(line.split(": ", 1) for line in paragraph.split("\n") if ": " in line and line[0] != " ")
        if "Description" in fields:
            source = fields.get("Source", fields["Package"]).split(" ")[0]
            yield source, fields.get("Section", "").rpartition("/")[2], fields["Description"]


def select(known: str) -> list[tuple[str, str]]:
    """Sections and descriptions, in random order; one of each source, since those of one source are much alike.

    Raises:
        DataError: a section has no package; apt's lists are empty, most often.
    """
    found: dict[str, dict[str, str]] = {section: {} for section in SECTIONS}
    for source, section, text in packages(known):
        if section in found:
            found[section].setdefault(source, text)
    for section, texts in found.items():
        if not texts:
            raise DataError(f"apt knows no package in the section {section!r}; run `apt-get update` first")
    rng = np.random.default_rng(0)
    chosen = []
    for section, texts in found.items():
        ordered = sorted(set(texts.values()))
        chosen += [(section, ordered[i]) for i in rng.permutation(len(ordered))[:MOST]]
    return [chosen[i] for i in rng.permutation(len(chosen))]
