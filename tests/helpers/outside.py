"""A scorer as a script, which counts its calls, and a pool of networks with one number each."""

import sys
from pathlib import Path

import numpy as np
from safetensors.numpy import save_file

#: Reads the weight of a checkpoint without any library, so that a call takes little time.
READ = """
import json, os, struct, sys, time
data = open(sys.argv[1], "rb").read()
(size,) = struct.unpack("<Q", data[:8])
begin, _ = json.loads(data[8 : 8 + size])["weight"]["data_offsets"]
(weight,) = struct.unpack("<f", data[8 + size + begin :][:4])
with open("calls.txt", "a") as file:
    file.write(f"{weight:.4f}\\n")
"""

#: Scores a checkpoint by how near its only weight is to 2.5.
SCRIPT = (
    READ
    + """
print("evaluating", file=sys.stderr)
print("nearness below")
print(-abs(weight - 2.5))
"""
)


def make_pool(folder: Path, n: int = 5) -> list[Path]:
    """Checkpoints `run0` to `run4`, whose weight is their number."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"run{i}.safetensors" for i in range(n)]
    for i, path in enumerate(paths):
        save_file({"weight": np.full(3, i, dtype=np.float32)}, path)
    return paths


def script(folder: Path, text: str = SCRIPT) -> str:
    """Writes a scorer, and gives its command."""
    (folder / "eval.py").write_text(text)
    return f"{sys.executable} -S eval.py {{checkpoint}}"


def calls(folder: Path) -> list[float]:
    """The weights that the scorer was called with, in order."""
    file = folder / "calls.txt"
    return [float(line) for line in file.read_text().split()] if file.exists() else []
