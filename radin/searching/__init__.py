"""Searchers and what drives them: plugins, problem, budget, ledger."""
