"""radin finds the best model soup of your checkpoints on a budget of real evaluations.

The public names load on first use, so that `import radin` costs nothing and averaging safetensors needs no torch.
"""

from typing import TYPE_CHECKING

from radin.common.lazy import lazy
from radin.common.version import VERSION

__version__ = VERSION

if TYPE_CHECKING:
    from radin import errors as errors
    from radin import scoring as scoring
    from radin import tasks as tasks
    from radin import testing as testing
    from radin.adapters import Pool as Pool
    from radin.adapters import inspect as inspect
    from radin.common.bars import Bars as Bars
    from radin.common.progress import Progress as Progress
    from radin.errors import RadinError as RadinError
    from radin.evaluation.collecting import collect_logits as collect_logits
    from radin.evaluation.planning import plan as plan
    from radin.evaluation.race_settings import RaceSettings as RaceSettings
    from radin.evaluation.verifier import Verifier as Verifier
    from radin.evaluation.workers import Workers as Workers
    from radin.outside.command import CommandScorer as CommandScorer
    from radin.outside.procedure import soup_by_score as soup_by_score
    from radin.outside.result import OutsideResult as OutsideResult
    from radin.outside.scorer import ScoredTask as ScoredTask
    from radin.outside.scorer import Scorer as Scorer
    from radin.procedure import make_soup as make_soup
    from radin.recipe import Recipe as Recipe
    from radin.report.diagnosis import Diagnosis as Diagnosis
    from radin.report.diagnosis import diagnose as diagnose
    from radin.report.findings import Finding as Finding
    from radin.report.ranking import Ranking as Ranking
    from radin.report.ranking import rank as rank
    from radin.report.result import Result as Result
    from radin.scoring.logit_bank import LogitBank as LogitBank
    from radin.scoring.metrics import Metric as Metric
    from radin.scoring.metrics import SpanF1 as SpanF1
    from radin.scoring.objective import Objective as Objective
    from radin.scoring.surrogate import Surrogate as Surrogate
    from radin.searching.budget import Budget as Budget
    from radin.searching.driver import search as search
    from radin.searching.ledger import Ledger as Ledger
    from radin.searching.plugins import Register as Register
    from radin.searching.plugins import Searcher as Searcher
    from radin.searching.plugins import hookimpl as hookimpl
    from radin.searching.plugins import searchers as searchers
    from radin.searching.problem import Problem as Problem
    from radin.searching.problem import Proposals as Proposals
    from radin.searching.shortlist import Candidate as Candidate
    from radin.searching.shortlist import Shortlist as Shortlist
    from radin.tasks.task import Task as Task
    from radin.weights.averaging import average as average
    from radin.weights.inspection import Inspection as Inspection

#: The module that each public name comes from.
_HOME = {
    "Bars": "radin.common.bars",
    "Budget": "radin.searching.budget",
    "Candidate": "radin.searching.shortlist",
    "CommandScorer": "radin.outside.command",
    "Diagnosis": "radin.report.diagnosis",
    "Finding": "radin.report.findings",
    "Inspection": "radin.weights.inspection",
    "Ledger": "radin.searching.ledger",
    "LogitBank": "radin.scoring.logit_bank",
    "Metric": "radin.scoring.metrics",
    "Objective": "radin.scoring.objective",
    "OutsideResult": "radin.outside.result",
    "Pool": "radin.adapters",
    "Problem": "radin.searching.problem",
    "Progress": "radin.common.progress",
    "Proposals": "radin.searching.problem",
    "RaceSettings": "radin.evaluation.race_settings",
    "RadinError": "radin.errors",
    "Ranking": "radin.report.ranking",
    "Recipe": "radin.recipe",
    "Register": "radin.searching.plugins",
    "Result": "radin.report.result",
    "ScoredTask": "radin.outside.scorer",
    "Scorer": "radin.outside.scorer",
    "Searcher": "radin.searching.plugins",
    "Shortlist": "radin.searching.shortlist",
    "SpanF1": "radin.scoring.metrics",
    "Surrogate": "radin.scoring.surrogate",
    "Task": "radin.tasks.task",
    "Verifier": "radin.evaluation.verifier",
    "Workers": "radin.evaluation.workers",
    "average": "radin.weights.averaging",
    "collect_logits": "radin.evaluation.collecting",
    "diagnose": "radin.report.diagnosis",
    "hookimpl": "radin.searching.plugins",
    "inspect": "radin.adapters",
    "make_soup": "radin.procedure",
    "plan": "radin.evaluation.planning",
    "rank": "radin.report.ranking",
    "search": "radin.searching.driver",
    "searchers": "radin.searching.plugins",
    "soup_by_score": "radin.outside.procedure",
}

#: Public modules.
_MODULES = ("errors", "scoring", "tasks", "testing")

__all__ = [*sorted(_HOME), *_MODULES]

__getattr__, __dir__ = lazy(__name__, _HOME, _MODULES)
