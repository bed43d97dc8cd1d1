"""A run as a study of Optuna, which its dashboard opens: a trial for each network, a parameter for each ingredient."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from radin.common.files import check_place
from radin.errors import InputError, StorageError
from radin.report.record import Record

if TYPE_CHECKING:
    import optuna

#: Endings of files of a database, and of a journal.
DATABASE, JOURNAL = (".db", ".sqlite", ".sqlite3"), (".log", ".journal")


def write_study(record: Record, path: Path) -> list[str]:
    """Writes the networks of a run as trials of a study, and the candidates of its search as those of another.

    The first holds soups and ingredients with the metric's value, and those that a race dropped as pruned trials. The
    second holds the best candidates by their averaged logits, where the run recorded them. A parameter is the weight of
    an ingredient, 0 for those that are no members.

    Arguments:
        record: of the run.
        path: `.db` for a database of SQLite, `.log` for a journal. Studies are added to a file that is there.

    Returns:
        the names of the studies.

    Raises:
        InputError: another ending, or studies of this run are in the file already.
        StorageError: the file cannot be written.
    """
    import optuna

    check_study_file(path)
    names = [record.folder.resolve().name, f"{record.folder.resolve().name}, averaged logits"]
    trials = [_networks(record), _candidates(record)]
    upward = optuna.study.StudyDirection.MAXIMIZE
    directions = [upward if record.higher_is_better else optuna.study.StudyDirection.MINIMIZE, upward]
    written = []
    with _quiet(optuna):
        storage = _storage(path)
        for name, some, direction in zip(names, trials, directions, strict=True):
            if not some:
                continue
            try:
                study = optuna.create_study(study_name=name, storage=storage, direction=direction)
            except optuna.exceptions.DuplicatedStudyError as error:
                raise InputError(f"{path} holds a study {name!r} already; give another file") from error
            study.set_metric_names([record.metric if some is trials[0] else "surrogate"])
            study.set_user_attr("verdict", record.verdict)
            study.add_trials(some)
            written.append(name)
    return written


@contextmanager
def _quiet(optuna: Any) -> Iterator[None]:
    """Keeps Optuna from logging each study, and from warning of its own experimental parts."""
    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            yield
    finally:
        optuna.logging.set_verbosity(before)


def check_study_file(path: Path) -> None:
    """Refuses a file whose ending names no storage of Optuna's, or that cannot be written.

    Raises:
        InputError, StorageError: as said.
    """
    if path.suffix not in DATABASE + JOURNAL:
        raise InputError(
            f"{path}: a study is written as .db (SQLite) or .log (a journal); give it one of these endings"
        )
    check_place(path)


def _storage(path: Path) -> Any:
    import optuna
    from optuna.storages.journal import JournalFileBackend
    from sqlalchemy.exc import SQLAlchemyError

    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix in JOURNAL:
        return optuna.storages.JournalStorage(JournalFileBackend(str(path)))
    try:
        return optuna.storages.RDBStorage(f"sqlite:///{path.resolve()}")
    except SQLAlchemyError as error:
        raise StorageError(f"{path} is no database that Optuna can write to; give another file") from error


def _networks(record: Record) -> list[optuna.trial.FrozenTrial]:
    """A trial for each network of the leaderboard, and for each ingredient that was dropped."""
    from optuna.trial import TrialState

    names = _names(record)
    trials = []
    for place, one in enumerate(record.leaderboard, start=1):
        about: dict[str, Any] = {"place": place, "kind": "soup" if one.is_soup else "ingredient", "size": one.size}
        about |= {"averaged logits": one.promised} if one.is_soup and one.promised is not None else {}
        trials.append(_trial(names, one.recipe, value=one.value, user_attrs=about))
    for lost in record.dropped:
        seen = {int(lost["rows"]): float(lost["value"])}
        about = {"kind": "dropped", "why": lost["why"]}
        state = TrialState.PRUNED
        trials.append(_trial(names, {lost["name"]: 1.0}, state=state, intermediate_values=seen, user_attrs=about))
    return trials


def _candidates(record: Record) -> list[optuna.trial.FrozenTrial]:
    """A trial for each candidate that the search listed."""
    names = _names(record)
    found = record.about.get("candidates", ())
    return [_trial(names, one["recipe"], value=one["score"], user_attrs={"size": len(one["recipe"])}) for one in found]


def _names(record: Record) -> list[str]:
    """All ingredients, in the order of the pool where it is known."""
    known = [name for one in record.ingredients for name in one.recipe] + [one["name"] for one in record.dropped]
    return list(record.about.get("ingredients", ())) or known


def _trial(names: list[str], recipe: Mapping[str, float], **about: Any) -> optuna.trial.FrozenTrial:
    import optuna

    return optuna.create_trial(
        params={name: float(recipe.get(name, 0.0)) for name in names},
        distributions={name: optuna.distributions.FloatDistribution(0.0, 1.0) for name in names},
        **about,
    )
