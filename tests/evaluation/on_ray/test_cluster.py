"""Without Ray everything else works, and asking for workers says how to install it."""

import subprocess
import sys

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
    assert "pip install 'radin[ray]'" in said
