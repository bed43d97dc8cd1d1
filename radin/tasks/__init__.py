"""What a model is run on: `Task`, and adapters that make one."""

from radin.tasks.task import Task as Task
