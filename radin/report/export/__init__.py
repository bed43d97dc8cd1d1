"""Finished runs in the formats of other tools: studies of Optuna, recipes of mergekit, runs of MLflow."""
