"""Ingredients on disk, and their averages: on disk, or in a network."""
