"""Tasks: the network, data and metric that checkpoints are run on, and adapters that make one."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from radin.tasks.task import Task as Task

__all__ = ["Task"]


def __getattr__(name: str) -> Any:
    # Loads on first use: a task's name is checked before PyTorch is imported.
    if name != "Task":
        raise AttributeError(f"module 'radin.tasks' has no attribute {name!r}")
    from radin.tasks.task import Task

    return Task
