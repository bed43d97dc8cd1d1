"""What can be found wrong without torch is found before it is imported."""

import subprocess
import sys
from pathlib import Path

from helpers.command_line import SMALL

PROGRAM = """
import sys
from radin.cli import main

checkpoint, task, folder = sys.argv[1:]
soup = ["soup", checkpoint, f"{folder}/gone.safetensors", "--task", task]
for given in (
    soup,
    ["soup", checkpoint, "--task", task],
    ["diagnose", f"{folder}/*.safetensors"],
    ["average", f"{folder}/*.safetensors", "-o", "x.safetensors"],
    ["inspect", checkpoint, f"{folder}/gone.safetensors"],
    [*soup, "--soups", "0"],
    [*soup, "--lam", "-1"],
    [*soup, "--searcher", "gredy"],
    [*soup, "--run-dir", f"{task.partition(':')[0]}/run"],
    [*soup, "-o", "soup.pt"],
    [*soup, "--seed", "-1"],
    ["soup", checkpoint, "--task", f"{folder}/gone.py:task"],
    ["soup", checkpoint, "--task", "tim"],
):
    try:
        main(given)
    except SystemExit as ended:
        assert ended.code == 2, given
    assert "torch" not in sys.modules, given
"""


def test_mistakes_are_said_before_torch_is_imported(checkpoints: list[Path], tmp_path: Path) -> None:
    arguments = [str(checkpoints[0]), f"{SMALL}:task", str(tmp_path)]
    ended = subprocess.run([sys.executable, "-c", PROGRAM, *arguments], check=False, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr
    for message in (
        "no such checkpoint",
        "soups must be",
        "did you mean",
        "is one checkpoint",
        "would have to be a folder",
        "gone.py",
        "seed must be",
    ):
        assert message in ended.stderr
