"""The data and network that a model is run on: `Task`, ready tasks for common libraries, and readers of image data.

The public names load on first use, so that a command can look at a task's name before torch is imported.
"""

from typing import TYPE_CHECKING

from radin.common.lazy import lazy

if TYPE_CHECKING:
    from radin.tasks.hugging_face.networks import load_through_library as load_through_transformers  # noqa: F401
    from radin.tasks.hugging_face.task import transformers_task as transformers  # noqa: F401 (a public name)
    from radin.tasks.load import load_task as load_task
    from radin.tasks.open_clip import Classifier as Classifier
    from radin.tasks.open_clip import classification as open_clip_classification  # noqa: F401 (a public name)
    from radin.tasks.open_clip import zero_shot_classifier as zero_shot_classifier
    from radin.tasks.prompts import read_classnames as read_classnames
    from radin.tasks.prompts import read_templates as read_templates
    from radin.tasks.readers.sets import Sets as Sets
    from radin.tasks.readers.sets import open_data as open_data
    from radin.tasks.readers.sets import open_sets as open_sets
    from radin.tasks.task import Task as Task
    from radin.tasks.vision import timm_classification as timm_classification
    from radin.tasks.vision import torchvision_classification as torchvision_classification

#: The module that each public name comes from.
_HOME = {
    "Classifier": "radin.tasks.open_clip",
    "Sets": "radin.tasks.readers.sets",
    "Task": "radin.tasks.task",
    "load_task": "radin.tasks.load",
    "load_through_transformers": "radin.tasks.hugging_face.networks:load_through_library",
    "open_clip_classification": "radin.tasks.open_clip:classification",
    "open_data": "radin.tasks.readers.sets",
    "open_sets": "radin.tasks.readers.sets",
    "read_classnames": "radin.tasks.prompts",
    "read_templates": "radin.tasks.prompts",
    "timm_classification": "radin.tasks.vision",
    "torchvision_classification": "radin.tasks.vision",
    "transformers": "radin.tasks.hugging_face.task:transformers_task",
    "zero_shot_classifier": "radin.tasks.open_clip",
}

__all__ = list(_HOME)

__getattr__, __dir__ = lazy(__name__, _HOME)
