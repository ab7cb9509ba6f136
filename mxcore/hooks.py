"""Pluggy hooks: let other code take part in a run.

A hook plugin is any object or module with functions marked by :data:`hookimpl`. Install it through an entry point in
the group ``mxcore.hooks``, or register it in your program:

>>> import numpy as np, mxcore as mx
>>> class Watch:
...     @mx.hooks.hookimpl
...     def mxcore_after_step(self, updater, indices, weights):
...         print("updated", *indices)
>>> watch = Watch()
>>> mx.hooks.register(watch)
>>> updater = mx.optimizer.get_updater(mx.optimizer.create("sgd"))
>>> updater(["weight", "bias"], [np.ones(2), np.ones(1)], [np.zeros(2), np.zeros(1)])
updated weight bias
>>> mx.hooks.unregister(watch)

Installed hook plugins are loaded once, when the first updater is created or the first parameter initialised. If one
fails to load, you get a warning and the others still work. A hook that no plugin implements costs nothing.
"""

from __future__ import annotations

import warnings
from typing import Any

import pluggy

# ``from mxcore import hooks`` would ask the catalogue for a namespace of that name first.
import mxcore.hookspecs as hookspecs
from mxcore import catalogue
from mxcore.once import building

__all__ = ["call", "hookimpl", "implemented", "manager", "register", "unregister"]

hookimpl = pluggy.HookimplMarker("mxcore")
"""Marks a function as an implementation of a hook."""


class Caller:
    """Call the implementations of a hook.

    It caches whether there are any: every step asks twice, and pluggy copies a list to answer.
    """

    implemented = False

    def __init__(self, hook: pluggy.HookCaller) -> None:
        self.hook = hook

    def __reduce__(self) -> tuple[Any, ...]:
        return caller, (self.hook.name,)  # a copy in another process calls the hooks of that process

    def __call__(self, **arguments: Any) -> None:
        self.hook(**arguments)


class _Manager(pluggy.PluginManager):
    """A plugin manager that knows the hooks of mxcore, and which of them are implemented."""

    def __init__(self) -> None:
        super().__init__("mxcore")
        self.add_hookspecs(hookspecs)
        names = [name for name in vars(hookspecs) if name.startswith("mxcore_")]
        self.callers = {name: Caller(getattr(self.hook, name)) for name in names}
        self.complete = self._loading = False

    def load_installed(self) -> None:
        """Register every usable installed hook plugin, unless loading one has led back here."""
        if self.complete or self._loading:
            return
        self._loading = True
        try:
            for record in catalogue.records("hook"):
                if record.status != "blocked" and not self.has_plugin(record.qualified_name):
                    self._load(record)
            self.complete = True
        finally:
            self._loading = False

    def _load(self, record: catalogue.Record) -> None:
        try:
            _add(self, catalogue.load("hook", record.qualified_name), record)
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # a plugin may raise anything, and must not affect the others
            if catalogue.strict():
                raise
            message = f"hook plugin {record.qualified_name} is not used: {error}"
            warnings.warn(message, UserWarning, stacklevel=4)

    def register(self, plugin: object, name: str | None = None) -> str | None:
        try:
            registered = super().register(plugin, name)
            self.check_pending()
            return registered
        except pluggy.PluginValidationError as error:
            if self.is_registered(plugin):  # partly
                super().unregister(plugin)
            raise ValueError(str(error)) from error
        finally:
            self._look()

    def unregister(self, plugin: object = None, name: str | None = None) -> Any:
        try:
            return super().unregister(plugin, name)
        finally:
            self._look()

    def _look(self) -> None:
        for caller in self.callers.values():
            caller.implemented = bool(caller.hook.get_hookimpls())


_installed = _Manager()  # created on import, and so only once, however many threads use it


def manager() -> pluggy.PluginManager:
    """Return the plugin manager, with every usable installed hook plugin registered.

    It is a pluggy ``PluginManager``, which can tell you what is registered:

    >>> import mxcore as mx
    >>> class Watch:
    ...     @mx.hooks.hookimpl
    ...     def mxcore_saved(self, path, updater): ...
    >>> watch = Watch()
    >>> mx.hooks.register(watch, "my-watch")
    >>> "my-watch" in [one.plugin_name for one in mx.hooks.manager().hook.mxcore_saved.get_hookimpls()]
    True
    >>> mx.hooks.unregister(watch)
    """
    if not _installed.complete:
        with building:
            _installed.load_installed()
    return _installed


def _add(hooks: pluggy.PluginManager, plugin: Any, record: catalogue.Record) -> None:
    hooks.register(plugin() if isinstance(plugin, type) else plugin, record.qualified_name)


def implemented(record: catalogue.Record) -> list[str]:
    """Return the names of the hooks that an installed plugin implements.

    >>> import sys, types, mxcore as mx
    >>> from unittest import mock
    >>> class Watch:
    ...     @mx.hooks.hookimpl
    ...     def mxcore_saved(self, path, updater): ...
    ...     @mx.hooks.hookimpl
    ...     def mxcore_loaded(self, path, updater): ...
    >>> record = mx.catalogue.Record("hook", "watch", "my_watch:Watch", "my-watch", "1.0", "Says what was written.")
    >>> installed = types.SimpleNamespace(Watch=Watch)  # stands in for the package my_watch
    >>> with mock.patch.dict(sys.modules, my_watch=installed):
    ...     mx.hooks.implemented(record)
    ['mxcore_loaded', 'mxcore_saved']

    Raises:
        mxcore.catalogue.BrokenPluginError: it cannot be imported.
        ValueError: one of its hooks is unknown or takes an unknown argument.
    """
    alone = _Manager()
    _add(alone, catalogue.load_record(record), record)
    plugin = alone.get_plugin(record.qualified_name)
    return sorted(caller.name for caller in alone.get_hookcallers(plugin) or ())


def register(plugin: object, name: str | None = None) -> None:
    """Register a plugin of this process.

    >>> import numpy as np, mxcore as mx
    >>> class Audit:
    ...     @mx.hooks.hookimpl
    ...     def mxcore_initialized(self, initializer, desc, array):
    ...         print(desc, "has the mean", array.mean())
    >>> audit = Audit()
    >>> mx.hooks.register(audit)
    >>> mx.initializer.create("constant", value=0.5)("fc_weight", np.zeros(3))
    fc_weight has the mean 0.5
    >>> mx.hooks.unregister(audit)
    >>> class Typo:
    ...     @mx.hooks.hookimpl
    ...     def mxcore_after_stp(self, updater): ...
    >>> mx.hooks.register(Typo())
    Traceback (most recent call last):
        ...
    ValueError: unknown hook 'mxcore_after_stp' in plugin ...

    Raises:
        ValueError: it is already registered, or one of its hooks is unknown or takes an unknown argument.
    """
    manager().register(plugin, name)


def unregister(plugin: object) -> None:
    """Unregister a plugin.

    >>> import mxcore as mx
    >>> class Watch:
    ...     @mx.hooks.hookimpl
    ...     def mxcore_after_step(self, updater, indices, weights): ...
    >>> watch = Watch()
    >>> mx.hooks.register(watch)
    >>> mx.hooks.unregister(watch)
    >>> mx.hooks.manager().is_registered(watch)
    False
    """
    manager().unregister(plugin)


def call(hook: str, **arguments: Any) -> None:
    """Call every implementation of a hook; if there are none, do nothing.

    >>> import mxcore as mx
    >>> class Watch:
    ...     @mx.hooks.hookimpl
    ...     def mxcore_saved(self, path):  # only the arguments that it needs
    ...         print("saved", path)
    >>> watch = Watch()
    >>> mx.hooks.register(watch)
    >>> mx.hooks.call("mxcore_saved", path="sgd.state", updater=None)
    saved sgd.state
    >>> mx.hooks.unregister(watch)
    """
    getattr(manager().hook, hook)(**arguments)


def caller(hook: str) -> Caller:
    """Return the caller of a hook, for code where even looking it up takes too long."""
    manager()
    return _installed.callers[hook]
