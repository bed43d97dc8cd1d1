"""Every picture of the documents has commands that redraw it, on the page that shows it."""

import importlib.util
from types import ModuleType

import pytest
from helpers.paths import ROOT

PAGES = {path.name: path.read_text() for path in [*(ROOT / "docs").glob("*.md"), ROOT / "README.md"]}
PICTURES = sorted(path.name for path in (ROOT / "docs" / "pictures").iterdir())


@pytest.fixture(scope="module")
def figures() -> ModuleType:
    spec = importlib.util.spec_from_file_location("figures", ROOT / "docs" / "figures.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_each_picture_has_its_commands(figures: ModuleType, capsys: pytest.CaptureFixture) -> None:
    assert sorted(figures.FIGURES) == PICTURES
    figures.main(["--list"])
    printed = capsys.readouterr().out
    for name, (page, program) in figures.FIGURES.items():
        lines = figures.commands(name)
        assert lines and all(program in line for line in lines)
        assert f"pictures/{name}" in PAGES[page]
        assert all(line in PAGES[page] and line in printed for line in lines)


def test_every_picture_that_a_page_shows_is_there() -> None:
    for name, text in PAGES.items():
        for part in text.split("](")[1:]:
            target = part.split(")")[0]
            if target.endswith(".png") and "pictures/" in target:
                assert target.rpartition("/")[2] in PICTURES, (name, target)


def test_the_command_of_several_pictures_is_run_once(
    figures: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    run: list[list[str]] = []
    monkeypatch.setattr(figures.subprocess, "run", lambda command, **_: run.append(command))
    figures.main(["surrogate.png", "bills.png", "theory.png", "kernels.png"])
    programs = ["benchmarks.studies.page_pictures", "benchmarks.studies.theory"]
    assert [command[1:] for command in run] == [["-m", program] for program in programs]
    with pytest.raises(SystemExit):
        figures.main(["strange.png"])
    assert "there is no picture strange.png" in capsys.readouterr().err
