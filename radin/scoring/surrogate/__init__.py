"""The cheap objective: recipes scored from averaged logits, and the prior."""

from radin.scoring.surrogate.surrogate import Surrogate as Surrogate

__all__ = ["Surrogate"]
