"""Settings are validated before anything is spent."""

import errno
from pathlib import Path

import pytest

import radin
from radin.errors import InputError, PluginError, RunDirError
from radin.evaluation.settings import check_run_dir, check_settings


def test_settings_that_can_be_give_the_searcher_and_b() -> None:
    searcher, soups = check_settings("monte-carlo", {"p": "0.3"}, radin.Budget(soups=3), 1.0, 0)
    assert (searcher.name, soups) == ("monte-carlo", 3)


@pytest.mark.parametrize(
    ("changed", "error", "said"),
    [
        ({"budget": radin.Budget(soups=None)}, InputError, "a number of soups to verify"),
        ({"lam": -1.0}, InputError, "-1"),
        ({"seed": -1}, InputError, "seed"),
        ({"searcher": "nobody"}, PluginError, "nobody"),
        ({"options": {"q": 1}}, PluginError, "'q'"),
    ],
)
def test_settings_that_cannot_be_are_refused(changed: dict, error: type[Exception], said: str) -> None:
    sound = {"searcher": "monte-carlo", "options": {}, "budget": radin.Budget(soups=3), "lam": 1.0, "seed": 0}
    with pytest.raises(error, match=said):
        check_settings(**sound | changed)


def test_a_run_folder_that_cannot_be(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    check_run_dir(tmp_path / "a" / "b")
    assert not (tmp_path / "a").exists()
    (tmp_path / "file").touch()
    with pytest.raises(RunDirError, match=r"cannot be a run folder: .*file is a file, and would have to be a folder"):
        check_run_dir(tmp_path / "file" / "run")
    with pytest.raises(RunDirError, match="cannot be a run folder: File name too long"):
        check_run_dir(tmp_path / ("x" * 5000))

    def refuse(path: Path) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(Path, "touch", refuse)  # a superuser may write anywhere
    with pytest.raises(RunDirError, match=r"takes no such file \(Permission denied\)"):
        check_run_dir(tmp_path / "a")
