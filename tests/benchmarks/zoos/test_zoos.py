import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks import zoos
from benchmarks.zoos import __main__ as command
from radin.errors import InputError


def test_every_pool_has_a_builder_and_a_task():
    assert {"digits", "fashion-mnist"} <= set(zoos.names())
    for name in zoos.names():
        assert {"n", "seed", "progress"} <= zoos.get(name).options
    assert zoos.get("digits").task(metric="nll").metric == "nll"
    with pytest.raises(InputError, match="no pool is called 'cifar'; there are: digits, "):
        zoos.get("cifar")


def test_the_folder_is_the_argument_else_the_variable_else_the_cache(monkeypatch, tmp_path):
    zoo = zoos.get("digits")
    monkeypatch.setenv("RADIN_ZOO", str(tmp_path))
    assert zoo.folder() == tmp_path / "digits"
    assert zoo.folder("elsewhere") == Path("elsewhere/digits")
    monkeypatch.delenv("RADIN_ZOO")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert zoo.folder() == tmp_path / "home" / ".cache" / "radin" / "zoos" / "digits"


def test_the_command_builds_and_refuses(tmp_path, capsys):
    assert command.main(["digits", "--out", str(tmp_path), "-n", "1"]) == 0
    assert (tmp_path / "digits" / "run-00.safetensors").is_file()
    assert "fine-tuning" in capsys.readouterr().out
    assert command.main(["cifar", "--out", str(tmp_path)]) == 2
    assert "no pool is called 'cifar'" in capsys.readouterr().err
    assert command.main(["fashion-mnist", "--out", str(tmp_path), "--data", str(tmp_path)]) == 2
    assert "apt-get install" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        command.main(["digits", "--out", str(tmp_path), "--data", str(tmp_path)])
    assert "has the option 'data'" in capsys.readouterr().err


def test_the_command_runs_as_a_module():
    help_text = subprocess.run(
        [sys.executable, "-m", "benchmarks.zoos", "--help"],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parents[3],
    ).stdout
    assert "fashion-mnist" in help_text
