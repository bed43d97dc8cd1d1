"""The commands, each with one line of help; the module of a command is imported when it is called."""

from __future__ import annotations

#: Name of a command, and of its module in this package, with its one-line help; the most useful first.
COMMANDS = {
    "demo": "Run the main job on a small real pool that it trains itself.",
    "soup": "Find the best soup of a folder of checkpoints.",
    "show": "Show what a finished run found, from its folder.",
    "report": "Write a finished run as a page for a browser, or several runs side by side.",
    "export": "Export a finished run to Optuna, mergekit or MLflow.",
    "rank": "Rank recipes by averaged logits alone, from anywhere.",
    "average": "Average checkpoints into one file.",
    "inspect": "Say whether checkpoints can be averaged, and why not.",
    "diagnose": "Say whether a pool soups at all, and what does not belong in it.",
    "searchers": "List the installed searchers and their options.",
}
