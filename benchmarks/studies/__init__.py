"""Experiments on real pools that the documents quote."""
