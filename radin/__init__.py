"""radin finds the best model soup of your checkpoints on a budget of real evaluations.

The public names load on first use, so that `import radin` costs nothing and averaging safetensors needs no torch.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from radin import testing as testing
    from radin.averaging import average as average
    from radin.budget import Budget as Budget
    from radin.budget import Ledger as Ledger
    from radin.driver import Shortlist as Shortlist
    from radin.driver import search as search
    from radin.errors import RadinError as RadinError
    from radin.logits import LogitBank as LogitBank
    from radin.metrics import Metric as Metric
    from radin.objective import Objective as Objective
    from radin.planning import plan as plan
    from radin.plugins import hookimpl as hookimpl
    from radin.plugins import searchers as searchers
    from radin.pool import Pool as Pool
    from radin.problem import Problem as Problem
    from radin.problem import Proposals as Proposals
    from radin.procedure import make_soup as make_soup
    from radin.recipe import Recipe as Recipe
    from radin.result import Result as Result
    from radin.surrogate import Surrogate as Surrogate
    from radin.tasks import Task as Task
    from radin.verify import Verifier as Verifier

_HOME = {
    "Budget": "budget",
    "Ledger": "budget",
    "LogitBank": "logits",
    "Metric": "metrics",
    "Objective": "objective",
    "Pool": "pool",
    "Problem": "problem",
    "Proposals": "problem",
    "RadinError": "errors",
    "Recipe": "recipe",
    "Result": "result",
    "Shortlist": "driver",
    "Surrogate": "surrogate",
    "Task": "tasks",
    "Verifier": "verify",
    "average": "averaging",
    "hookimpl": "plugins",
    "make_soup": "procedure",
    "plan": "planning",
    "search": "driver",
    "searchers": "plugins",
}

__all__ = [*sorted(_HOME), "testing"]


def __getattr__(name: str) -> Any:
    if name == "testing":
        return import_module("radin.testing")
    if name not in _HOME:
        raise AttributeError(f"module 'radin' has no attribute {name!r}")
    value = getattr(import_module(f"radin.{_HOME[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
