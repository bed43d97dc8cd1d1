"""The cheap objective: recipes scored from averaged logits, and the prior."""

from radin.surrogate.objective import Surrogate as Surrogate

__all__ = ["Surrogate"]
