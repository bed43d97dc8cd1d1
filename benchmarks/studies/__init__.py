"""Experiments whose figures the documents quote."""
