"""What must work where open_clip, timm and torchvision do not import: averaging, ranking, and `radin soup` itself."""

import subprocess
import sys
from pathlib import Path

PROGRAM = """
import sys

class Refused:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("open_clip", "timm", "torchvision"):
            raise ImportError(f"{name} was made for another torch")

sys.meta_path.insert(0, Refused())
import radin
for name in radin.__all__:
    getattr(radin, name)
from radin.cli import main

def run(*arguments):
    try:
        main(list(arguments))
    except SystemExit as ended:
        assert not ended.code, arguments

pool, task, folder = sys.argv[1:]
run("average", pool, "-o", f"{folder}/mean.safetensors")
run("soup", pool, "--task", f"{task}:task", "--run-dir", f"{folder}/run", "--soups", "1")
run("rank", "--logits", f"{folder}/run/logits")
try:
    main(["soup", pool, "--task", "timm", "--task-arg", "arch=resnet18", "--task-arg", "data=x"])
except SystemExit as ended:
    assert ended.code == 2
blocked = {"open_clip", "timm", "torchvision"} & {name.partition(".")[0] for name in sys.modules}
assert not blocked, blocked
"""


def test_souping_and_ranking_need_no_vision_library(checkpoints: list[Path], tmp_path: Path) -> None:
    small = Path(__file__).parents[1] / "helpers" / "small.py"
    arguments = [str(checkpoints[0].parent), str(small), str(tmp_path)]
    ended = subprocess.run([sys.executable, "-c", PROGRAM, *arguments], check=False, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr
    assert "timm cannot be imported (ImportError: timm was made for another torch)" in ended.stderr
    assert (tmp_path / "run" / "soup.safetensors").exists()
    assert (tmp_path / "mean.safetensors").exists()
