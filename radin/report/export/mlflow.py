"""A run as a run of MLflow: settings as parameters, scores as metrics, documents as artifacts."""

from __future__ import annotations

import re
from typing import Any

from radin.common.wording import first_sentence
from radin.errors import InputError
from radin.report.bill import Bill
from radin.report.record import LEADERBOARD, Record

#: Documents that become artifacts, beside the card. Weights do not: they may be large, and have a place already.
DOCUMENTS = (LEADERBOARD, "report.html")


def log_run(record: Record, uri: str, experiment: str = "radin") -> str:
    """Records a finished run with MLflow, once for each call.

    Arguments:
        record: of the run.
        uri: of the tracking server or store, such as `http://localhost:5000` or `sqlite:///mlflow.db`.
        experiment: its name there; made if it is not there.

    Returns:
        the identifier of the run there.

    Raises:
        InputError: MLflow is not installed, or cannot record the run there.
    """
    try:
        import mlflow
    except ImportError as error:
        raise InputError(
            "a run is exported to MLflow where MLflow is installed, and here it is not: pip install mlflow-skinny"
        ) from error
    try:
        return _logged(mlflow.MlflowClient(tracking_uri=uri), record, experiment)
    except Exception as error:  # of any library between here and the store
        raise InputError(
            f"MLflow could not record the run at {uri} ({type(error).__name__}: {first_sentence(error)}); give a "
            "tracking server that runs, or a database, such as http://localhost:5000 or sqlite:///mlflow.db"
        ) from error


def _logged(client: Any, record: Record, experiment: str) -> str:
    """Records the run with a client of MLflow; returns the identifier of the run."""
    found = client.get_experiment_by_name(experiment)
    number = found.experiment_id if found is not None else client.create_experiment(experiment)
    made = client.create_run(number, run_name=record.folder.resolve().name, tags=tags(record))
    identifier: str = made.info.run_id
    for name, value in parameters(record).items():
        client.log_param(identifier, name, value)
    for name, number_ in metrics(record).items():
        client.log_metric(identifier, name, number_)
    for path in (*(record.folder / name for name in DOCUMENTS), record.card):
        if path.exists():
            client.log_artifact(identifier, str(path))
    client.set_terminated(identifier)
    return identifier


def tags(record: Record) -> dict[str, str]:
    """The verdict and the recipe."""
    recipe = " + ".join(f"{weight:.3g} {name}" for name, weight in record.winner.by_weight)
    return {"verdict": record.verdict, "recipe": recipe, "radin": record.about.get("versions", {}).get("radin", "")}


def parameters(record: Record) -> dict[str, str]:
    """The settings of the run, flat."""
    made = dict(record.settings)
    nested = {name: made.pop(name) for name in ("options", "race") if name in made}
    flat = {name: str(value) for name, value in made.items()}
    for name, values in nested.items():
        flat |= {f"{name}.{key}": str(value) for key, value in (values or {}).items()}
    return flat | {"batchnorm": str(record.document.get("batchnorm", "")), "ingredients": str(record.n_ingredients)}


def metrics(record: Record) -> dict[str, float]:
    """The scores and the bill, under names that MLflow takes."""
    bill, single = Bill.of(record), record.best_ingredient
    found = {
        "selection/winner": record.winner.value,
        "selection/best ingredient": single.value,
        "passes": bill.total,
        "soups": float(bill.soups),
    }
    for one in record.unseen:
        found |= {
            f"{one.name}/winner": one.winner.value,
            f"{one.name}/winner, low": one.winner.low,
            f"{one.name}/winner, high": one.winner.high,
            f"{one.name}/best ingredient": one.best_ingredient.value,
        }
    return {re.sub(r"[^\w\-./ ]", "", name): float(value) for name, value in found.items()}
