"""The score of a checkpoint by its own training run, as `Trainer` notes it in `trainer_state.json`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

STATE = "trainer_state.json"


def training_metrics(folder: Path) -> dict[str, int | float]:
    """The step, and the last evaluation that is no later, of a model's folder.

    Returns:
        `step`, `epoch` and each metric such as `eval_loss`; nothing where there is no such file, or a damaged one: it
        is for a person to read, and no result depends on it.
    """
    state = _read(folder / STATE)
    step = state.get("global_step")
    found = {"step": step, "epoch": state.get("epoch")}
    history = state.get("log_history")
    for entry in history if isinstance(history, list) else []:
        if not isinstance(entry, dict) or not any(str(name).startswith("eval_") for name in entry):
            continue
        at = entry.get("step")
        if step is None or not isinstance(at, int) or at <= step:
            found |= {name: value for name, value in entry.items() if _is_metric(str(name))}
    return {name: value for name, value in found.items() if isinstance(value, int | float)}


def _is_metric(name: str) -> bool:
    return name.startswith("eval_") and not name.endswith(("_runtime", "_per_second", "_preparation_time"))


def _read(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return content if isinstance(content, dict) else {}
