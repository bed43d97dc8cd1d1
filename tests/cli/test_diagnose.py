"""The command diagnose: verdict, picture and JSON."""

import json
from pathlib import Path

from click.testing import CliRunner

from radin.cli.main import cli


def test_the_command_prints_verdict_and_draws(checkpoints: list[Path], tmp_path: Path) -> None:
    call = ["diagnose", *map(str, checkpoints), "--picture", str(tmp_path / "seen.png")]
    plain = CliRunner().invoke(cli, call, catch_exceptions=False)
    assert "Nothing in the weights speaks against souping this pool" in plain.output
    assert (tmp_path / "seen.png").read_bytes().startswith(b"\x89PNG")
    file = Path(__file__).parents[1] / "helpers" / "small.py"
    more = ["--task", f"{file}:task", "--run-dir", str(tmp_path / "run"), "--soups", "1", "--json"]
    full = CliRunner().invoke(cli, ["diagnose", *map(str, checkpoints), *more], catch_exceptions=False)
    assert json.loads(full.stdout)["evaluated"] == 1
    assert (tmp_path / "run" / "diagnosis.png").exists()
