"""Implements a hook that radin does not have."""

import radin


@radin.hookimpl
def register_searcher(register):
    pass
