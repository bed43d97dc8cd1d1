"""The record of a small run, as it is and with names that try to break a page."""

import json
from pathlib import Path

import pytest

from radin.report.record import Record

SCRIPT = "<script>alert('x')</script>\"&"


@pytest.fixture
def record(finished: Path) -> Record:
    return Record.read(finished)


@pytest.fixture
def hostile(record: Record) -> Record:
    """The same run, one of whose members is called like a script."""
    member = next(iter(record.verified[0].recipe))
    text = json.dumps(record.document).replace(f'"{member}"', json.dumps(SCRIPT))
    return Record(json.loads(text), record.folder)


@pytest.fixture
def large(record: Record) -> Record:
    """A run of a hundred ingredients and sixteen soups, with names as long as they get."""
    names = [f"clip-vit-base-patch32-finetuned-with-mixup-and-rate-{i:03d}" for i in range(100)]
    single = next(one for one in record.document["leaderboard"] if one["size"] == 1)
    soup = record.document["verified"][0]
    soups = [soup | {"recipe": dict.fromkeys(names[i : i + 30], 1 / 30), "size": 30} for i in range(16)]
    singles = [single | {"recipe": {name: 1.0}, "value": 0.7 - i / 1000} for i, name in enumerate(names)]
    classes = {"class": "a class", "samples": 50, "winner": 30, "best_ingredient": 20}
    about = {
        "ingredients": dict.fromkeys(names, "0123456789abcdef" * 4),
        "data": {"fingerprints": {"data": "0123456789abcdef" * 4}},
        "classes": {"data": "test", "of": 1000, "changed": 900, "rows": [classes] * 200},
        "versions": {},
        "command": "radin soup " + " ".join(f"{name}.safetensors" for name in names),
    }
    document = dict(record.document) | {"leaderboard": soups + singles, "verified": soups, "about": about}
    return Record(document, record.folder)
