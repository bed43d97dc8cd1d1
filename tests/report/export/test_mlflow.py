"""Runs go to MLflow where it is installed; elsewhere it is said what to install."""

import importlib.util
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from radin.errors import InputError
from radin.report.export.mlflow import log_run, metrics, parameters, tags
from radin.report.record import Record

INSTALLED = importlib.util.find_spec("mlflow") is not None


@pytest.fixture
def record(finished: Path) -> Record:
    return Record.read(finished)


def test_without_mlflow_it_is_said_what_to_install(record: Record, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "mlflow", None)  # forbids the import
    with pytest.raises(InputError, match="pip install mlflow-skinny"):
        log_run(record, "sqlite:///mlflow.db")


@pytest.mark.skipif(not INSTALLED, reason="MLflow is not installed")
@pytest.mark.filterwarnings("ignore")  # of MLflow's own store
def test_mlflow_gives_back_what_was_recorded(record: Record, tmp_path: Path) -> None:
    mlflow = pytest.importorskip("mlflow")
    uri = f"sqlite:///{tmp_path / 'mlflow.db'}"
    found = mlflow.MlflowClient(tracking_uri=uri).get_run(log_run(record, uri))
    assert found.data.metrics["selection/winner"] == record.winner.value
    assert found.data.params["searcher"] == record.settings["searcher"]
    assert found.data.tags["verdict"] == record.verdict


def test_a_store_that_takes_nothing_is_named_with_its_reason(record: Record, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(tracking_uri: str) -> None:
        raise RuntimeError(f"no such store: {tracking_uri}. Read the manual.\nIt has more to say")

    monkeypatch.setitem(sys.modules, "mlflow", SimpleNamespace(MlflowClient=refuse))
    said = r"at nowhere://x \(RuntimeError: no such store: nowhere://x\); give a tracking server"
    with pytest.raises(InputError, match=said):
        log_run(record, "nowhere://x")


def test_settings_are_flat_and_scores_have_names_that_mlflow_takes(record: Record) -> None:
    assert parameters(record)["options.removal"] == str(record.settings["options"]["removal"])
    found = metrics(record)
    assert found["selection/winner"] == record.winner.value
    assert found["test set/winner low"] == record.unseen[0].winner.low
    assert all(set(name) <= {*"abcdefghijklmnopqrstuvwxyz-_./ "} for name in found)
    assert tags(record)["verdict"] == record.verdict
