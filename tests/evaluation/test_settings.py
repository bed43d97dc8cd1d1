"""Settings are validated before anything is spent."""

import errno
from dataclasses import replace
from pathlib import Path

import pytest

import radin
from radin.errors import InputError, PluginError, RunDirError
from radin.evaluation.settings import Settings, check_run_dir, check_settings


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


def test_settings_are_recorded_with_later_ones_only_where_they_are_not_the_usual() -> None:
    searcher, soups = check_settings("monte-carlo", None, radin.Budget(soups=3), 1.0, 0)
    usual = Settings(
        searcher=searcher,
        options=None,
        budget=radin.Budget(soups=soups),
        soups=soups,
        lam=1.0,
        seed=0,
        criterion="tempered",
        calibrate=True,
        batchnorm="recompute",
        race=None,
        baselines=("uniform",),
        workers=radin.Workers(count=2),
    )
    plain = usual.to_json({"p": 0.5}, "metric")
    assert plain["searcher"] == "monte-carlo" and plain["options"] == {"p": 0.5} and plain["soups"] == 3
    assert not {"race", "criterion", "at_once"} & plain.keys()
    other = replace(usual, race=radin.RaceSettings(), workers=radin.Workers(count=2, at_once=4))
    assert other.to_json({}, "likelihood").items() >= {"criterion": "likelihood", "at_once": 4}.items()


@pytest.mark.parametrize(("calibrate", "soups", "top"), [(True, 4, 256), (True, 300, 300), (True, 1, 1), (False, 4, 4)])
def test_only_soups_that_teach_are_chosen_from_a_long_list(calibrate: bool, soups: int, top: int) -> None:
    searcher, _ = check_settings("monte-carlo", None, radin.Budget(soups=soups), 1.0, 0)
    known: dict = {"options": None, "lam": 0.0, "seed": 0, "criterion": "metric", "batchnorm": "average"}
    known |= {"race": None, "baselines": (), "workers": None, "searcher": searcher, "soups": soups}
    settings = Settings(budget=radin.Budget(soups=soups), calibrate=calibrate, **known)
    assert (settings.top, settings.learns) == (top, calibrate and soups > 1)


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
