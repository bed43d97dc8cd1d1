"""A study holds each network as a trial, with ingredients as parameters, as Optuna reads it back."""

import json
from pathlib import Path

import optuna
import pytest

from radin.errors import InputError, StorageError
from radin.report.export.study import write_study
from radin.report.record import Record


@pytest.fixture
def record(finished: Path) -> Record:
    return Record.read(finished)


@pytest.mark.parametrize("name", ["study.db", "study.log"])
def test_optuna_reads_every_network(record: Record, tmp_path: Path, name: str) -> None:
    file = tmp_path / "new" / name
    assert write_study(record, file) == ["run", "run, averaged logits"]
    if name.endswith(".db"):
        storage = optuna.storages.RDBStorage(f"sqlite:///{file}")
    else:
        storage = optuna.storages.JournalStorage(optuna.storages.journal.JournalFileBackend(str(file)))
    study = optuna.load_study(study_name="run", storage=storage)
    assert study.direction == optuna.study.StudyDirection.MAXIMIZE
    assert study.best_value == max(one.value for one in record.leaderboard)
    for trial, one in zip(study.trials, record.leaderboard, strict=True):
        assert trial.value == one.value
        assert {name: weight for name, weight in trial.params.items() if weight} == one.recipe
        assert list(trial.params) == list(record.about["ingredients"])
    searched = optuna.load_study(study_name="run, averaged logits", storage=storage)
    candidates = record.about["candidates"]
    assert [trial.value for trial in searched.trials] == [one["score"] for one in candidates]
    assert 0 < len(candidates) == len({json.dumps(one["recipe"]) for one in candidates})


def test_a_loss_is_minimised_and_what_was_dropped_is_pruned(record: Record, tmp_path: Path) -> None:
    lost = {"name": "run9", "rows": 250, "value": 0.4, "why": "far behind"}
    document = dict(record.document) | {"metric": "nll", "higher_is_better": False, "dropped": [lost], "about": {}}
    assert write_study(Record(document, record.folder), tmp_path / "study.db") == ["run"]
    study = optuna.load_study(study_name="run", storage=f"sqlite:///{tmp_path / 'study.db'}")
    assert study.direction == optuna.study.StudyDirection.MINIMIZE
    (pruned,) = study.get_trials(states=[optuna.trial.TrialState.PRUNED])
    assert (pruned.params["run9"], pruned.intermediate_values) == (1.0, {250: 0.4})


def test_a_study_is_not_written_twice(record: Record, tmp_path: Path) -> None:
    write_study(record, tmp_path / "study.db")
    with pytest.raises(InputError, match="holds a study 'run' already"):
        write_study(record, tmp_path / "study.db")


def test_other_files_are_refused(record: Record, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"a study is written as \.db"):
        write_study(record, tmp_path / "study.json")
    (tmp_path / "notes.db").write_text("this is no database, " * 99)
    with pytest.raises(StorageError, match="is no database that Optuna can write to"):
        write_study(record, tmp_path / "notes.db")
    (tmp_path / "folder.db").mkdir()
    with pytest.raises(StorageError, match="it is a folder"):
        write_study(record, tmp_path / "folder.db")
