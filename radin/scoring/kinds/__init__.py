"""Kinds of outputs: what the labels of a task look like, what its networks give, and what a metric counts."""

from radin.scoring.kinds.base import Kind as Kind
from radin.scoring.kinds.choices import Choices as Choices
from radin.scoring.kinds.choosing import KINDS as KINDS
from radin.scoring.kinds.choosing import Asked as Asked
from radin.scoring.kinds.choosing import named_kind as named_kind
from radin.scoring.kinds.classes import CLASSES as CLASSES
from radin.scoring.kinds.classes import Classes as Classes
from radin.scoring.kinds.classes import OneLogit as OneLogit
from radin.scoring.kinds.positions import Positions as Positions
from radin.scoring.kinds.probabilities import PROBABILITIES as PROBABILITIES
from radin.scoring.kinds.probabilities import Probabilities as Probabilities
from radin.scoring.kinds.several import SeveralLabels as SeveralLabels
from radin.scoring.kinds.tags import Tags as Tags
from radin.scoring.kinds.tokens import Tokens as Tokens
from radin.scoring.kinds.values import Values as Values

__all__ = [
    "CLASSES",
    "KINDS",
    "PROBABILITIES",
    "Asked",
    "Choices",
    "Classes",
    "Kind",
    "OneLogit",
    "Positions",
    "Probabilities",
    "SeveralLabels",
    "Tags",
    "Tokens",
    "Values",
    "named_kind",
]
