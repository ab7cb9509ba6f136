"""Who else takes part in a run: pluggy hooks.

A hook plugin is any object or module whose functions are marked with :data:`hookimpl`. It is installed as an entry
point of the group ``mxcore.hooks``, or registered by hand::

    import mxcore as mx

    class Watch:
        @mx.hooks.hookimpl
        def mxcore_after_step(self, updater, indices, weights):
            ...

    mx.hooks.register(Watch())

Installed hook plugins are loaded once, when the first updater is made or the first parameter initialised. Each is
loaded on its own: one that fails is reported as a warning and leaves the others alone. A hook that nobody implements
is not called at all.
"""

from __future__ import annotations

import functools
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pluggy

from mxcore import catalogue
from mxcore.backend import Array

if TYPE_CHECKING:
    from mxcore.initializer import InitDesc, Initializer
    from mxcore.updater import Updater

__all__ = ["call", "hookimpl", "implemented", "manager", "register", "unregister"]

hookspec = pluggy.HookspecMarker("mxcore")
hookimpl = pluggy.HookimplMarker("mxcore")
"""Marks a function as an implementation of a hook."""


@hookspec
def mxcore_before_step(
    updater: Updater, indices: Sequence[int | str], weights: Sequence[Array], grads: Sequence[Array]
) -> None:
    """Called when an updater has checked its arguments and before anything changes. Arrays must not be written to."""


@hookspec
def mxcore_after_step(
    updater: Updater, indices: Sequence[int | str], weights: Sequence[Array], grads: Sequence[Array]
) -> None:
    """Called after an updater has updated ``weights``."""


@hookspec
def mxcore_initialized(initializer: Initializer, desc: InitDesc | str, array: Array) -> None:
    """Called after an initializer has filled ``array``."""


@hookspec
def mxcore_saved(path: Path, updater: Updater) -> None:
    """Called after the state of an updater has been written to ``path``."""


@hookspec
def mxcore_loaded(path: Path, updater: Updater) -> None:
    """Called after the state of an updater has been read from ``path``."""


@functools.cache
def manager() -> pluggy.PluginManager:
    """The plugin manager, with every installed and usable hook plugin registered."""
    hooks = _no_plugins()
    for record in catalogue.records("hook"):
        if record.status != "blocked":
            _register_installed(hooks, record)
    return hooks


def _no_plugins() -> pluggy.PluginManager:
    hooks = pluggy.PluginManager("mxcore")
    hooks.add_hookspecs(sys.modules[__name__])
    return hooks


def _register_installed(hooks: pluggy.PluginManager, record: catalogue.Record) -> None:
    try:
        _add_loaded(hooks, catalogue.load("hook", record.qualified_name), record)
    except Exception as error:  # whatever a stranger's code raises concerns that plugin alone
        if catalogue.strict():
            raise
        warnings.warn(f"hook plugin {record.qualified_name} is left out: {error}", UserWarning, stacklevel=2)


def _add_loaded(hooks: pluggy.PluginManager, plugin: Any, record: catalogue.Record) -> None:
    _add(hooks, plugin() if isinstance(plugin, type) else plugin, record.qualified_name)


def implemented(record: catalogue.Record) -> list[str]:
    """The hooks that an installed plugin implements.

    Raises:
        mxcore.catalogue.BrokenPluginError: it cannot be imported.
        ValueError: one of its hooks is unknown or asks for an unknown argument.
    """
    alone = _no_plugins()
    _add_loaded(alone, catalogue.load_record(record), record)
    plugin = alone.get_plugin(record.qualified_name)
    return sorted(caller.name for caller in alone.get_hookcallers(plugin) or ())


def _add(hooks: pluggy.PluginManager, plugin: object, name: str | None) -> None:
    try:
        hooks.register(plugin, name)
        hooks.check_pending()
    except pluggy.PluginValidationError as error:
        if hooks.is_registered(plugin):
            hooks.unregister(plugin)
        raise ValueError(str(error)) from error


def register(plugin: object, name: str | None = None) -> None:
    """Let a plugin of this process take part.

    Raises:
        ValueError: it is registered already, or one of its hooks is unknown or asks for an unknown argument.
    """
    _add(manager(), plugin, name)


def unregister(plugin: object) -> None:
    """Let a plugin that was registered no longer take part."""
    manager().unregister(plugin)


def call(hook: str, **arguments: Any) -> None:
    """Call every implementation of a hook; nothing happens when there is none."""
    found = caller(hook)
    if found.get_hookimpls():
        found(**arguments)


def caller(hook: str) -> Any:
    """What calls the implementations of a hook, for places where even looking it up takes too long."""
    return getattr(manager().hook, hook)
