"""Shapes in the signatures are enforced here, and only here: the import hook runs before radin is imported."""

from jaxtyping import install_import_hook

install_import_hook(["radin", "radin_plugins"], "beartype.beartype")
