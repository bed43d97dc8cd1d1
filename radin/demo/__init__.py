"""A small real pool and the training sweep that makes it."""
