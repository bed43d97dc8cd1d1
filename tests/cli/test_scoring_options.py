"""Options by which outputs are scored name everything that the library has."""

from radin.cli.scoring_options import KINDS, METRICS
from radin.scoring.kinds import KINDS as ALL_KINDS
from radin.scoring.metrics import FAMILIES


def test_help_names_every_metric_and_kind() -> None:
    listed = set(METRICS.replace(",", " ").replace(";", " ").split())
    assert {name for family in FAMILIES.values() for name in family} <= listed
    assert tuple(ALL_KINDS) == KINDS
