"""Helpers that know nothing of soups."""
