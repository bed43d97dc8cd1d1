"""Tables and paragraphs of every command fit the width that is asked for; paths alone are never folded."""

from pathlib import Path

import pytest
from helpers.command_line import SMALL, run

#: Names that are wider than a terminal, and differ in a number that must not be cut.
NAMES = [
    f"experiment-with-mixup-and-label-smoothing-on-vit-base-rate-{rate}-seed-{i}-final-checkpoint"
    for i, rate in enumerate(("0.01", "0.001", "0.01", "0.03"))
]


@pytest.fixture(scope="module")
def pool(tmp_path_factory: pytest.TempPathFactory, checkpoints: list[Path]) -> Path:
    folder = tmp_path_factory.mktemp("pool")
    for name, path in zip(NAMES, checkpoints, strict=False):
        (folder / f"{name}.safetensors").write_bytes(path.read_bytes())
    return folder


@pytest.fixture(scope="module")
def ended(pool: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run on them."""
    import radin
    from radin.tasks.load import load_task

    folder = tmp_path_factory.mktemp("ended") / "run"
    how = {"budget": radin.Budget(soups=2), "baselines": ("uniform", "greedy"), "run_dir": folder}
    radin.make_soup(radin.Pool(pool), load_task(f"{SMALL}:task"), **how, progress=False)
    return folder


@pytest.mark.parametrize("width", [60, 80, 100])
def test_all_lines_fit(
    width: int, pool: Path, ended: Path, finished: Path, capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    plan = ("soup", pool, "--task", f"{SMALL}:task", "--baselines", "uniform,greedy", "--run-dir", ended)
    commands = {
        "searchers": ("searchers",),
        "inspect": ("inspect", pool),
        "diagnose": ("diagnose", pool),
        "rank": ("rank", "--logits", ended / "logits"),
        "show": ("show", ended),
        "show with a test set": ("show", finished),
        "plan": (*plan, "--soups", 3, "--plan"),
        "plan of a run that has ended": (*plan, "--soups", 2, "--plan"),
    }
    for title, command in commands.items():
        code, out, err = run(capsys, *command)
        assert code == 0, err
        lines = [line for line in [*out.splitlines(), *err.splitlines()] if "/" not in line]
        assert max(map(len, lines)) <= width, (title, max(lines, key=len))
        if title in ("diagnose", "rank", "show"):
            assert "…0.01-seed-0…" in out, (title, out)


def test_names_that_fit_are_whole_where_they_are_the_way_to_a_file(
    pool: Path, capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "120")
    _, out, _ = run(capsys, "inspect", pool)
    assert all(name in out for name in NAMES)


@pytest.mark.parametrize("width", [60, 80, 100])
def test_a_diagnosis_with_a_task_fits(
    width: int,
    pool: Path,
    ended: Path,
    capsys: pytest.CaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    task = ("--task", f"{SMALL}:task", "--run-dir", ended, "--picture", tmp_path / "diagnosis.png")
    code, out, err = run(capsys, "diagnose", pool, *task)
    assert code == 0, err
    lines = [line for line in out.splitlines() if "/" not in line]
    assert max(map(len, lines)) <= width, max(lines, key=len)
    assert "real soup" in out
