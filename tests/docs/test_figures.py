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
    assert len(figures.commands("surrogate.png")) == 6
    assert len(figures.commands("kernels.png")) == 1


def test_every_picture_that_a_page_shows_is_there() -> None:
    for name, text in PAGES.items():
        for part in text.split("](")[1:]:
            target = part.split(")")[0]
            if target.endswith(".png") and "pictures/" in target:
                assert target.rpartition("/")[2] in PICTURES, (name, target)


def test_a_picture_is_redrawn_in_its_place(
    figures: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture, tmp_path
) -> None:
    """Commands are run once each, and what they drew into `results` is brought to the pages."""
    run: list[list[str]] = []
    (tmp_path / "results").mkdir()
    (tmp_path / "results" / "surrogate.png").write_bytes(b"drawn")
    monkeypatch.setattr(figures.subprocess, "run", lambda command, **_: run.append(command))
    monkeypatch.setattr(figures, "RESULTS", tmp_path / "results")
    monkeypatch.setattr(figures, "PICTURES", tmp_path)
    figures.main(["surrogate.png", "bills.png", "prior.png"])
    assert len(run) == 6 + 1 and run[0][1:3] == ["-m", "benchmarks.studies.surrogate"]
    assert run[-1][1:] == ["-m", "benchmarks.studies.page_pictures"]
    assert (tmp_path / "surrogate.png").read_bytes() == b"drawn"
    with pytest.raises(SystemExit):
        figures.main(["strange.png"])
    assert "there is no picture strange.png" in capsys.readouterr().err
