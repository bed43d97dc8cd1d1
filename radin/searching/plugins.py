"""Searcher plugins: the one hook, what a searcher is, and the registry of those that are installed.

A plugin is a module with `@radin.hookimpl def register_searchers(register)`, named by an entry point in the group
`radin`. The searchers that ship with radin come through the same door.
"""

from __future__ import annotations

import functools
import inspect
import re
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from importlib import metadata
from typing import Any, Protocol, runtime_checkable

import numpy as np
import pluggy

from radin.common.arguments import check_arguments
from radin.common.suggestions import did_you_mean
from radin.errors import PluginError, UnknownSearcherError
from radin.searching.options import Option, read_options

#: The name of the pluggy project and of the entry point group.
GROUP = "radin"
#: The distribution whose searchers come first.
OWN = "radin"

hookimpl = pluggy.HookimplMarker(GROUP)
_hookspec = pluggy.HookspecMarker(GROUP)

SearchFunction = Callable[..., Generator[np.ndarray, np.ndarray, None]]


@runtime_checkable
class Register(Protocol):
    """The argument of a plugin's hook: call it once for each searcher."""

    def __call__(self, function: SearchFunction, *, name: str | None = None) -> None:
        """Registers a generator function; its name with `_` as `-`, unless another is given."""


class Hooks:
    """The hooks that a plugin may implement."""

    @_hookspec
    def register_searchers(self, register: Register) -> None:
        """Called once, with `register(function, name=None)`."""


@dataclass(frozen=True)
class Searcher:
    """A generator function that proposes recipes and learns from their scores.

    Made by [`Searcher.of`][radin.searching.plugins.Searcher.of], or found in the registry.

    Attributes:
        name: what it is called on the command line and in results.
        function: the generator function.
        options: its keyword-only parameters, by name.
        summary: its docstring's first line.
        owner: the distribution that it came from, with version; for a function that was handed over, its module.
    """

    name: str
    function: SearchFunction
    options: Mapping[str, Option]
    summary: str
    owner: str

    @classmethod
    def of(cls, function: SearchFunction, *, name: str | None = None, owner: str | None = None) -> Searcher:
        """The searcher of a generator function.

        Raises:
            PluginError: not a generator function, not the signature of a searcher, or no usable name.
        """
        plain = function.func if isinstance(function, functools.partial) else function
        if not inspect.isgeneratorfunction(inspect.unwrap(plain)):
            raise PluginError(
                f"expected a generator function (`def search(problem): ... yield proposals`), got {function!r}"
            )
        name = name or plain.__name__.strip("_").replace("_", "-")
        if not re.fullmatch(r"[A-Za-z0-9][\w.-]*", name):
            raise PluginError(f"{name!r} is no name for a searcher: use letters, digits, '-', '_' and '.'")
        summary = (inspect.getdoc(plain) or "").strip().partition("\n")[0]
        return cls(name, function, read_options(name, function), summary, owner or f"module {plain.__module__}")

    def validate(self, options: Mapping[str, Any] | None) -> dict[str, Any]:
        """All options of this searcher: those given, brought to their types, and the defaults of the others.

        Arguments:
            options: values by name. A string is read as a command line would give it: `"0.5"`, `"true"`, `"null"`.

        Raises:
            PluginError: an option that this searcher does not have (says which are near), or a value that is not of
                the option's type.
        """
        check_arguments(options=options)
        options = options or {}
        for name in options:
            if name not in self.options:
                known = ", ".join(self.options) or "none at all"
                hint = did_you_mean(str(name), self.options)
                raise PluginError(f"searcher {self.name!r} has no option {name!r}{hint}; its options: {known}")
        return {
            name: option.coerce(options[name], self.name) if name in options else option.default
            for name, option in self.options.items()
        }


@dataclass(frozen=True)
class Broken:
    """A plugin that was found but cannot be used.

    Attributes:
        plugin: its entry point's name.
        owner: the distribution that it came from, with version.
        reason: what went wrong.
    """

    plugin: str
    owner: str
    reason: str


class Registry(Mapping[str, Searcher]):
    """The searchers that are installed, by name; looking up another name says which are near.

    Attributes:
        broken: the plugins that were found but cannot be used, with their reasons.
    """

    def __init__(self, searchers: Mapping[str, Searcher], broken: tuple[Broken, ...] = ()) -> None:
        self._searchers = dict(searchers)
        self.broken = broken

    def __getitem__(self, name: str) -> Searcher:
        if name in self._searchers:
            return self._searchers[name]
        message = f"no searcher is called {name!r}{did_you_mean(name, self)}; installed: {', '.join(self) or 'none'}"
        for broken in self.broken:
            message += f"; broken: {broken.plugin!r} of {broken.owner} ({broken.reason})"
        raise UnknownSearcherError(message)

    def __iter__(self) -> Iterator[str]:
        return iter(self._searchers)

    def __len__(self) -> int:
        return len(self._searchers)

    def __repr__(self) -> str:
        return f"Registry({', '.join(self)}; {len(self.broken)} broken)"


def searchers() -> Registry:
    """The searchers that are installed, by name, radin's own first; `.broken` lists the plugins that failed.

    Each entry point of the group `radin` is loaded and called in isolation. One that fails, or that claims a name
    that is taken, is listed as broken with its reason and registers nothing. The order is fixed: radin's own
    distribution, then the others by distribution and entry point, so the same name always goes to the same plugin.
    """
    found: dict[str, Searcher] = {}
    broken = []
    for entry in sorted(metadata.entry_points(group=GROUP), key=_precedence):
        owner = _owner(entry)
        try:
            new = _load(entry, owner)
            for name, searcher in new.items():
                if name in found:
                    owners = f"{found[name].owner} and {searcher.owner}"
                    raise PluginError(f"the name {name!r} is claimed by {owners}; the first keeps it")
        # A plugin may fail in any way, `sys.exit` included, and must take nothing else down.
        except (Exception, SystemExit) as error:
            broken.append(Broken(entry.name, owner, _reason(error)))
        else:
            found |= new
    return Registry(found, tuple(broken))


def get_searcher(name: str) -> Searcher:
    """The installed searcher of this name.

    Of radin's own plugins only the one whose entry point has this name is loaded: no other can claim it, as radin's
    own come first and each registers the name of its entry point. Any other name takes all plugins, since who was
    there first decides whose it is.

    Raises:
        UnknownSearcherError: there is none; says which names are near and which plugins are broken.
    """
    for entry in metadata.entry_points(group=GROUP, name=name):
        if entry.dist and entry.dist.name == OWN:
            with suppress(Exception, SystemExit):  # `searchers` meets it again, and says what is wrong
                return _load(entry, _owner(entry))[name]
    return searchers()[name]


def _load(entry: metadata.EntryPoint, owner: str) -> dict[str, Searcher]:
    registered: dict[str, Searcher] = {}

    def register(function: SearchFunction, *, name: str | None = None) -> None:
        searcher = Searcher.of(function, name=name, owner=owner)
        if searcher.name in registered:
            raise PluginError(f"the name {searcher.name!r} is registered twice by {owner}")
        registered[searcher.name] = searcher

    # A manager of its own for each plugin: what one does to pluggy's state cannot reach another.
    manager = pluggy.PluginManager(GROUP)
    manager.add_hookspecs(Hooks)
    manager.register(entry.load(), entry.name)
    manager.check_pending()
    if not manager.hook.register_searchers.get_hookimpls():
        raise PluginError(
            f"{entry.value} implements no hook: expected `@radin.hookimpl def register_searchers(register)`"
        )
    manager.hook.register_searchers(register=register)
    return registered


def _precedence(entry: metadata.EntryPoint) -> tuple[bool, str, str]:
    distribution = entry.dist.name if entry.dist else ""
    return distribution != OWN, distribution, entry.name


def _owner(entry: metadata.EntryPoint) -> str:
    return f"{entry.dist.name} {entry.dist.version}" if entry.dist else entry.value


def _reason(error: BaseException) -> str:
    return str(error) if isinstance(error, PluginError) else f"{type(error).__name__}: {error}"
