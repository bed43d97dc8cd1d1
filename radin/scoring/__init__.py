"""Scores of logits: metrics and their uncertainty, the logit bank, and the surrogate.

The public names load on first use, so that metrics can be named before numpy's and torch's parts are imported.
"""

from typing import TYPE_CHECKING

from radin.common.lazy import lazy

if TYPE_CHECKING:
    from radin.scoring.logit_files import open_bank as open_bank
    from radin.scoring.metrics import Metric as Metric
    from radin.scoring.metrics import get_metric as get_metric
    from radin.scoring.metrics import lower_is_better as lower_is_better
    from radin.scoring.significance import exact_mcnemar as exact_mcnemar
    from radin.scoring.significance import interval as interval
    from radin.scoring.significance import paired_p_value as paired_p_value

#: The module that each public name comes from.
_HOME = {
    "Metric": "radin.scoring.metrics",
    "exact_mcnemar": "radin.scoring.significance",
    "get_metric": "radin.scoring.metrics",
    "interval": "radin.scoring.significance",
    "lower_is_better": "radin.scoring.metrics",
    "open_bank": "radin.scoring.logit_files",
    "paired_p_value": "radin.scoring.significance",
}

__all__ = list(_HOME)

__getattr__, __dir__ = lazy(__name__, _HOME)
