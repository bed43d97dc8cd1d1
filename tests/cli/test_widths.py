"""Tables and paragraphs of every command fit the width that is asked for; paths alone are never folded."""

from pathlib import Path

import pytest
from helpers.command_line import run

NAMES = [f"vit-base-with-mixup-run-{i}" for i in range(4)]


@pytest.fixture(scope="module")
def pool(tmp_path_factory: pytest.TempPathFactory, checkpoints: list[Path]) -> Path:
    folder = tmp_path_factory.mktemp("pool")
    for name, path in zip(NAMES, checkpoints, strict=False):
        (folder / f"{name}.safetensors").write_bytes(path.read_bytes())
    return folder


@pytest.mark.parametrize("width", [60, 80, 100])
def test_all_lines_fit(
    width: int, pool: Path, finished: Path, capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    for command in (("searchers",), ("inspect", pool), ("diagnose", pool), ("show", finished)):
        code, out, err = run(capsys, *command)
        assert code == 0, err
        lines = [line for line in [*out.splitlines(), *err.splitlines()] if "/" not in line]
        assert max(map(len, lines)) <= width, (command, max(lines, key=len))
