"""Charges of evaluations: in the ledger once, with the progress of the block that is charged."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import AbstractContextManager, contextmanager

from radin.common.progress import Advance, Progress
from radin.errors import NonFiniteError
from radin.evaluation.archive import Archive
from radin.evaluation.evaluation import Evaluation
from radin.evaluation.run_folder import RunFolder
from radin.searching.ledger import Kind

#: What one and the same evaluation may have been charged as.
ONE_PASS: tuple[Kind, ...] = ("pass", "soup", "baseline")


class Charging:
    """Charges evaluations to the ledger of a run folder.

    Arguments:
        folder: has the ledger, and remembers baselines that failed.
        archive: knows the keys under which an evaluation may have been charged before.
        progress: watches the blocks that are charged.
    """

    def __init__(self, folder: RunFolder, archive: Archive, progress: Progress) -> None:
        self._folder, self._archive, self._progress = folder, archive, progress

    @contextmanager
    def charged(
        self, kind: Kind, key: str, evaluation: Evaluation, rows: int, baseline: bool, advance: Advance | None
    ) -> Iterator[Advance]:
        """Charges a block that runs a network on some rows.

        That a baseline's logits are not finite is its result, and the charge stands.

        Arguments:
            kind: what is charged.
            key: of the result.
            evaluation: what is run.
            rows: how many.
            baseline: whether a failure is remembered, and raised at once the next time.
            advance: told the samples that are done; None makes a stage of its own.

        Raises:
            NonFiniteError: the logits are not finite, as the block has found or is remembered.
        """
        failures = self._folder.failures if baseline else {}
        if key not in failures:
            also = self._archive.keys_of(evaluation) if key == self._archive.stored_key(evaluation) else ()
            with self.charge(kind, key, str(evaluation.recipe), rows, also):
                try:
                    with self._stage(f"{evaluation}", rows, advance) as told:
                        yield told
                    return
                except NonFiniteError as error:
                    if not baseline:
                        raise
                    self._folder.failures = failures = {**failures, key: str(error)}
        raise NonFiniteError(failures[key])

    @contextmanager
    def charged_alone(self, kind: Kind, key: str, label: str, rows: int) -> Iterator[Advance]:
        """Charges a block that runs a network which is no evaluation, as a stage of progress of its own.

        Arguments:
            kind, key, label, rows: see `Ledger.charge`. The label is shown, too.
        """
        with self.charge(kind, key, label, rows), self._stage(label, rows, None) as told:
            yield told

    @contextmanager
    def _stage(self, what: str, rows: int, advance: Advance | None) -> Iterator[Advance]:
        """A stage of progress, unless it is part of another."""
        if advance is not None:
            yield advance
            return
        with self._progress.stage(what, rows, "sample") as own:
            yield own

    def charge(
        self, kind: Kind, key: str, label: str, rows: int, also: Collection[str] = ()
    ) -> AbstractContextManager[None]:
        """A charge of the ledger's. An evaluation that was done before is here again since its result was damaged.

        Arguments:
            kind, key, label, rows: see `Ledger.charge`.
            also: further keys under which it may have been charged.
        """
        kinds: set[Kind] = {kind, *(ONE_PASS if kind in ONE_PASS else ())}
        lost = [self._folder.ledger.lose(one, other) for one in kinds for other in {key, *also}]
        if any(lost):
            self._folder.note(
                f"the stored result of {label} ({kind}) was damaged, deleted or replaced, and is computed again"
            )
        return self._folder.ledger.charge(kind, key, label, rows)
