"""Needs what is not there."""

import radin_no_such_library  # noqa: F401 (that it cannot be imported is the point)
