"""Tasks by name, as the command line gives them: `FILE.py:function`, `package.module:function`, or an adapter."""

from __future__ import annotations

import ast
import importlib
import importlib.util
import inspect
import sys
import types
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import ModuleType
from typing import Any

from radin.common.code_location import place_of_error
from radin.common.files import file_fingerprint, fingerprint_of
from radin.common.suggestions import nearest
from radin.errors import InputError, RadinError, TaskError
from radin.searching.options import describe
from radin.tasks.adapters import ADAPTERS, LISTINGS, listing, parse_task
from radin.tasks.task import Task

#: What the types of arguments are called.
WORDS = {int: "a whole number", float: "a number", bool: "true or false", str: "text"}


@dataclass(frozen=True)
class Made:
    """The value that a task's function returned.

    Attributes:
        value: a task, where the function is what it should be.
        spec: the name.
        given: arguments of the function, as text.
        module: that it is in.
    """

    value: Any
    spec: str
    given: Mapping[str, str]
    module: ModuleType

    def task(self, **changes: Any) -> Task:
        """The task, its `source` set to a fingerprint of the file, the arguments, and its own `source`.

        Arguments:
            changes: fields of the task to replace, such as `metric` or `device`; those that are None are left alone.

        Raises:
            TaskError: the function returned no `Task`.
        """
        task = self.value
        if not isinstance(task, Task):
            raise TaskError(f"{self.spec} must return a radin.Task, got {type(task).__name__}")
        kept = {name: value for name, value in changes.items() if value is not None}
        # The function's own `source` covers what the arguments only name, such as the contents of files. That of an
        # adapter covers all that they decide. `test` names what reports, so another one leaves the logits on the data
        # as they are.
        ready = self.spec in ADAPTERS
        decisive = [] if ready else sorted((name, value) for name, value in self.given.items() if name != "test")
        own = str(self.module.__name__).startswith("radin.") and hasattr(self.module, "FINGERPRINT")
        code = self.module.FINGERPRINT if own else file_fingerprint(str(self.module.__file__))
        source = fingerprint_of(code, parse_task(self.spec)[1], decisive, task.source)
        return replace(task, source=source, origin={"task": self.spec, **self.given}, **kept)


def load_task(spec: str, arguments: Mapping[str, str] | None = None, **changes: Any) -> Task:
    """Calls the function that a task's name stands for.

    Arguments:
        spec, arguments: see `call_function`.
        changes: see `Made.task`.

    Raises:
        MissingFileError: no such file.
        InputError: no such function, or arguments that it does not take.
        TaskError: the function raised, or returned no `Task`.
    """
    return call_function(spec, arguments).task(**changes)


def call_function(spec: str, arguments: Mapping[str, str] | None = None) -> Made:
    """Calls the function that a task's name stands for, whatever it returns.

    Arguments:
        spec: `FILE.py:function`, `package.module:function`, or a key of `ADAPTERS`.
        arguments: keyword arguments of that function as text. Each is converted to its annotated type; without an
            annotation, what reads as a Python literal becomes one and anything else stays text. One called `test`
            names what reports, and nothing else may depend on it.

    Raises:
        MissingFileError: no such file.
        InputError: no such function, or arguments that it does not take.
        TaskError: the function raised.
    """
    given = dict(arguments or {})
    module, function = _module_and_function(spec)
    values = _convert(function, spec, given)
    try:
        return Made(function(**values), spec, given, module)
    except RadinError:
        raise
    except (Exception, SystemExit) as error:
        raise TaskError(f"{spec} raised {type(error).__name__}: {error}{place_of_error(error)}") from error


def arguments_of(spec: str) -> frozenset[str] | None:
    """Arguments of the function that a task's name stands for; None where it was not loaded in this process.

    Arguments:
        spec: see `call_function`.
    """
    try:
        name, function_name = parse_task(spec)
    except RadinError:
        return None
    module = sys.modules.get(Path(name).stem if name.endswith(".py") else name)
    function = getattr(module, function_name, None)
    if not callable(function):
        return None
    return frozenset(_taken(function))


def load_metric(spec: str) -> str | Callable[..., Any]:
    """A metric's name as it is, or the function that `FILE.py:FUNC` or `package.module:FUNC` stands for.

    Raises:
        MissingFileError: no such file.
        InputError: no such function.
        TaskError: the file raised.
    """
    if ":" not in spec:
        return spec
    return _module_and_function(spec)[1]


def _module_and_function(spec: str) -> tuple[Any, Callable[..., Any]]:
    """The module, or file, and the function that a spec names."""
    module_name, function_name = parse_task(spec)
    module = _import(module_name)
    function = getattr(module, function_name, None)
    if not callable(function):
        raise InputError(
            f"{module_name} has no function {function_name!r}; it defines: {', '.join(_functions(module))}"
        )
    return module, function


def _import(name: str) -> Any:
    try:
        if not name.endswith(".py"):
            return importlib.import_module(name)
        path = Path(name)
        spec = importlib.util.spec_from_file_location(path.stem, path.resolve())
        assert spec is not None and spec.loader is not None  # both are there for an existing .py file
        module = importlib.util.module_from_spec(spec)
        # A task may import what lies beside it, and its datasets are pickled by name for worker processes.
        if str(path.resolve().parent) not in sys.path:
            sys.path.insert(0, str(path.resolve().parent))
        sys.modules.setdefault(path.stem, module)
        spec.loader.exec_module(module)
        return module
    except RadinError:
        raise
    except (Exception, SystemExit) as error:
        beside = f"{name}.py"
        meant = f"; to take the file that is here, write {beside}" if Path(beside).is_file() else ""
        raise TaskError(
            f"{name} could not be imported: {type(error).__name__}: {error}{place_of_error(error)}{meant}"
        ) from error


def _convert(function: Callable[..., Any], spec: str, given: Mapping[str, str]) -> dict[str, Any]:
    from pydantic import TypeAdapter, ValidationError

    takes = _taken(function)
    unknown = next((name for name in given if name not in takes), None)
    if unknown is not None:
        near = nearest(unknown, takes)
        all_of_them = f" It takes: {', '.join(takes)}" if near.endswith("?") else ""
        raise InputError(f"{spec} takes no argument {unknown!r}; {near}{all_of_them}")
    missing = [name for name, p in takes.items() if p.default is p.empty and name not in given]
    if missing:
        names = f"; {listing(spec)}" if spec in LISTINGS and "arch" in missing else ""
        needed = ", ".join(f"{name}=..." for name in missing)
        raise InputError(f"{spec} needs {needed}{names}")
    values: dict[str, Any] = {}
    for name, text in given.items():
        annotation = takes[name].annotation
        if annotation is inspect.Parameter.empty:
            values[name] = _literal(text)
            continue
        try:
            values[name] = TypeAdapter(annotation).validate_python(text)
        except ValidationError as error:
            raise InputError(f"{spec}: argument {name!r} should be {_expected(annotation)}, got {text!r}") from error
    return values


def _taken(function: Callable[..., Any]) -> dict[str, inspect.Parameter]:
    """The parameters of a function that can be given by name."""
    parameters = inspect.signature(function, eval_str=True).parameters
    return {name: p for name, p in parameters.items() if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)}


def _expected(annotation: Any) -> str:
    """The type of an argument, in words."""
    origin, parts = typing.get_origin(annotation), typing.get_args(annotation)
    if origin in (types.UnionType, typing.Union):
        return " or ".join(_expected(part) for part in parts if part is not types.NoneType)
    if origin is typing.Literal:
        return " or ".join(map(str, parts))
    return WORDS.get(annotation) or describe(annotation)


def _literal(text: str) -> Any:
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return text


def _functions(module: Any) -> list[str]:
    own = [n for n, f in vars(module).items() if inspect.isfunction(f) and f.__module__ == module.__name__]
    return sorted(own) or ["nothing"]
