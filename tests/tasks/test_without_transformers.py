"""What must work where transformers and pyarrow do not import: folders in and out, with a task of one's own."""

import subprocess
import sys
from pathlib import Path

from tests.helpers import model_folders

PROGRAM = """
import sys

BLOCKED = ("transformers", "tokenizers", "peft", "pyarrow", "yaml", "huggingface_hub")

class Refused:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in BLOCKED:
            raise ImportError(f"{name} is not installed here")

sys.meta_path.insert(0, Refused())
import radin
for name in (*radin.__all__, *radin.tasks.__all__):
    getattr(radin if name in radin.__all__ else radin.tasks, name)
from radin.cli import main

def run(*arguments):
    try:
        main(list(arguments))
    except SystemExit as ended:
        return ended.code or 0

folders, task, out = sys.argv[1:]
assert not run("inspect", folders)
assert not run("average", folders, "-o", f"{out}/mean")
assert not run("soup", folders, "--task", f"{task}:task", "--run-dir", f"{out}/run", "--soups", "1")
assert run("soup", folders, "--task", "transformers", "--task-arg", "data=x.jsonl") == 2
assert not {*BLOCKED} & {name.partition(".")[0] for name in sys.modules}
"""

TASK = """
import radin
import torch


class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.bert = torch.nn.ModuleDict({"embeddings": torch.nn.Embedding(6, 4)})
        self.classifier = torch.nn.Linear(4, 2)

    def forward(self, inputs):
        return self.classifier(self.bert["embeddings"](inputs))


def task():
    return radin.Task(Net, (torch.arange(60) % 6, torch.arange(60) % 2))
"""


def test_folders_need_no_library_of_hugging_face(tmp_path: Path) -> None:
    for seed in range(2):
        model_folders.save(tmp_path / "runs" / f"run-{seed}", seed)
    (tmp_path / "task.py").write_text(TASK)
    arguments = [str(tmp_path / "runs"), str(tmp_path / "task.py"), str(tmp_path)]
    ended = subprocess.run([sys.executable, "-c", PROGRAM, *arguments], check=False, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr
    assert "pip install '.[transformers]'" in ended.stderr
    for folder in ("mean", "run/soup"):
        assert (tmp_path / folder / "model.safetensors").is_file()
