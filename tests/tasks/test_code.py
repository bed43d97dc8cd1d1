"""Code of a task is told apart by its text and by the values that it is bound to."""

import copy
import importlib
import json
import subprocess
import sys
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch

from radin.tasks.code import DEPTH, source_of


def test_the_code_is_the_same_in_every_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Bound objects are told apart by what they hold, not by where in memory they lie."""
    (tmp_path / "tasks_by_config.py").write_text(
        "from functools import partial\n"
        "from pathlib import Path\n"
        "import radin\nfrom helpers import small\n"
        "class Config:\n"
        "    def __init__(self, width): self.width, self.where = width, Path('x')\n"
        "def build(config): return small.Network()\n"
        "def code(width): return radin.Task(partial(build, Config(width)), small.clouds(10, 0)).code\n"
    )
    paths = [str(tmp_path), str(Path(__file__).parent.parent)]
    script = f"import sys; sys.path[:0] = {paths}; import tasks_by_config as t; print(t.code(3), t.code(3), t.code(4))"
    said = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout
    elsewhere, again, other = said.split()
    monkeypatch.syspath_prepend(tmp_path)
    assert importlib.import_module("tasks_by_config").code(3) == elsewhere == again != other


def scaled(x: int, by: int = 2) -> int:
    return by * x


def closed_over(value: object):
    def inner() -> object:
        return value

    return inner


class Bound:
    """Holds a value."""

    def __init__(self, value: object) -> None:
        self.value = value

    def __call__(self) -> object:
        return self.value


@pytest.mark.parametrize("bind", [closed_over, Bound, lambda value: partial(scaled, value)])
@pytest.mark.parametrize(
    ("one", "other"),
    [
        (1, 2),
        ("a", "b"),
        (Path("a"), Path("b")),
        (torch.zeros(3), torch.ones(3)),
        (np.zeros((2, 3)), np.zeros((3, 2))),
        ({"a": [1]}, {"a": [2]}),
        ({1, 2}, {1, 3}),
        (Bound(1), Bound(2)),
        (scaled, closed_over(0)),
    ],
)
def test_bound_values_tell_code_apart(bind, one: object, other: object) -> None:
    assert source_of(bind(one)) == source_of(bind(copy.deepcopy(one)))
    assert source_of(bind(one)) != source_of(bind(other))


def test_defaults_and_text_tell_functions_apart() -> None:
    def scaled_otherwise(x: int, by: int = 3) -> int:
        return by * x

    assert source_of(scaled) != source_of(scaled_otherwise)
    assert source_of(None) is None
    assert "return by * x" in json.dumps(source_of(scaled))  # all of it is JSON


def test_values_are_looked_into_to_a_depth() -> None:
    one, other = Bound(1), Bound(2)
    for _ in range(DEPTH // 2 + 1):
        one, other = Bound(one), Bound(other)
    assert source_of(one) == source_of(other)
