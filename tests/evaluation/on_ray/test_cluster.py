"""Without Ray everything else works, and asking for workers says how to install it."""

import subprocess
import sys

import pytest

import radin
from radin.evaluation.on_ray.cluster import connected

BLOCKED = """
import sys
sys.modules["ray"] = None
import radin
from radin.evaluation.on_ray.cluster import connected
try:
    with connected(radin.Workers(count=2)):
        pass
except radin.errors.InputError as error:
    print(error)
"""


def test_without_ray_the_error_names_the_extra() -> None:
    said = subprocess.run([sys.executable, "-c", BLOCKED], capture_output=True, text=True, check=True).stdout
    assert "pip install '.[ray]'" in said


@pytest.mark.parametrize(
    ("address", "said"),
    [(None, "Ray could not be started on this machine: timed out; run without workers"), ("auto", "cluster could be")],
)
def test_a_ray_that_does_not_start_is_an_error_with_a_remedy(monkeypatch: pytest.MonkeyPatch, address, said) -> None:
    library = pytest.importorskip("ray")

    def refuse(**settings: object) -> None:
        raise Exception("timed out")

    monkeypatch.setattr(library, "is_initialized", lambda: False)
    monkeypatch.setattr(library, "init", refuse)
    with pytest.raises(radin.errors.InputError, match=said), connected(radin.Workers(count=2, address=address)):
        pass
