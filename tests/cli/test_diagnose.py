"""The command diagnose: verdict, picture and JSON."""

import json
from pathlib import Path

import numpy as np
from click.testing import CliRunner
from helpers.language import make_pool

import radin
from radin.cli.main import cli
from radin.evaluation.verifier import Verifier
from radin.tasks.load import load_task


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


def test_where_chance_is_unknown_a_soup_loses_no_share(tmp_path: Path) -> None:
    files = [str(file) for file in make_pool(tmp_path / "pool", 2)]
    with Verifier(radin.Pool(files), load_task("helpers.language:task"), tmp_path / "run") as verifier:
        verifier(np.ones((1, 2), dtype=bool))
    command = ["diagnose", *files, "--task", "helpers.language:task", "--run-dir", str(tmp_path / "run")]
    found = CliRunner().invoke(cli, command, catch_exceptions=False)
    assert found.exit_code == 0 and "nan" not in found.output and "minus ensemble" in found.output
