"""Map names to classes, registered in this process or installed. All protocols share this mechanism."""

from __future__ import annotations

import importlib
import warnings
from collections.abc import Callable, Sequence
from contextvars import ContextVar
from typing import Any, Generic, TypeVar

from mxcore import catalogue
from mxcore.catalogue.calls import call as parsed
from mxcore.catalogue.hints import meant_by, misfit
from mxcore.catalogue.record import main_name

T = TypeVar("T")
C = TypeVar("C", bound=type)


_registries: dict[type, Registry[Any]] = {}
from_file: ContextVar[bool] = ContextVar("from_file", default=False)
"""Whether the current name comes from a file: a file may only cause imports of this project's own plugins."""


class Registry(Generic[T]):
    """The algorithms of one kind, registered in this process or installed.

    >>> import attrs, mxcore as mx
    >>> class Loss: ...
    >>> losses = mx.registry.Registry("loss", Loss)
    >>> @losses.alias("l1")
    ... @losses.register
    ... @attrs.define
    ... class Absolute(Loss):
    ...     scale: float = 1.0
    >>> losses.create("absolute"), losses.create("l1", scale=0.5)
    (Absolute(scale=1.0), Absolute(scale=0.5))
    >>> losses.create("hinge")
    Traceback (most recent call last):
        ...
    mxcore.catalogue.UnknownNameError: cannot find loss 'hinge': known are absolute, l1

    Args:
        kind: ``"optimizer"``, ``"initializer"`` or ``"lr_scheduler"``; or the nickname of your own kind, for which
            nothing can be installed.
        base: the base class that all members must have.
    """

    def __init__(self, kind: str, base: type[T]) -> None:
        self.kind = kind
        self.base = base
        self.classes: dict[str, type[T]] = {}
        _registries[base] = self

    def register(self, cls: C, name: str | None = None) -> C:
        """Make a class available by name, by default its lower-cased class name. Can be used as a decorator.

        The newest registration wins, even over an installed plugin, and a warning names both.

        >>> import mxcore as mx
        >>> @mx.init.register
        ... class Half(mx.init.Initializer):
        ...     def _init_weight(self, name, array):
        ...         array[:] = 0.5
        >>> mx.init.create("half")
        Half()

        Raises:
            TypeError: ``cls`` is not a subclass of this kind's base class.
            ValueError: ``MXCORE_STRICT_PLUGINS`` is set and the name is taken.
        """
        given: Any = cls
        if not (isinstance(given, type) and issubclass(given, self.base)):
            raise TypeError(f"can only register subclasses of {self.base.__name__}, got {cls!r}")
        key = (name or cls.__name__).lower()
        if taken := self._holder(key, cls):
            message = f"{self.kind} {key!r}: {cls.__module__}.{cls.__qualname__} replaces {taken}"
            if catalogue.strict():
                raise ValueError(message)
            warnings.warn(message, UserWarning, stacklevel=2)
        self.classes[key] = given
        return cls

    def alias(self, *names: str) -> Callable[[C], C]:
        """Return a class decorator that registers additional names.

        >>> import mxcore as mx
        >>> @mx.init.alias("half", "fifty")
        ... class Half(mx.init.Initializer):
        ...     def _init_weight(self, name, array):
        ...         array[:] = 0.5
        >>> mx.init.create("fifty")
        Half()
        """

        def decorate(cls: C) -> C:
            for name in names:
                self.register(cls, name)
            return cls

        return decorate

    def _holder(self, key: str, cls: type) -> str:
        """Describe what already has the name; empty if nothing but ``cls`` itself."""
        if key in self.classes:
            holder = self.classes[key]
            return "" if holder is cls else f"{holder.__module__}.{holder.__qualname__}"
        return " and ".join(
            f"{record.target} of {record.distribution}"
            for record in self._installed()
            if record.name == key and record.status != "blocked" and not _is_target(record, cls)
        )

    def get(self, name: str) -> type[T]:
        """Return the class of a name.

        Raises:
            mxcore.catalogue.PluginError: the name is unknown, not installed or cannot be used.
        """
        if not isinstance(name, str):
            raise TypeError(f"{self.kind} must be a name or an instance of {self.base.__name__}, got {name!r}")
        if name.lower() in self.classes:
            return self.classes[name.lower()]
        if self.kind not in catalogue.GROUPS:
            raise catalogue.UnknownNameError(f"cannot find {self.kind} {name!r}: known are {', '.join(self.classes)}")
        record = catalogue.find(self.kind, name)
        is_ours = record.distribution in catalogue.known_names(self.kind).values()
        if from_file.get() and not (is_ours or catalogue.is_imported(record)):
            raise ValueError(
                f"a file names the {self.kind} {name!r}, which is not imported: import {record.target} first"
            )
        return self.load(record)

    def imported(self, name: str) -> type[T] | None:
        """Return the class of a name if it is registered or already imported; nothing is imported.

        Raises:
            mxcore.catalogue.PluginError: as for :meth:`get`.
        """
        if name.lower() in self.classes:
            return self.classes[name.lower()]
        record = catalogue.find(self.kind, name)
        return self.load(record) if catalogue.is_imported(record) else None

    def _installed(self) -> tuple[catalogue.Record, ...]:
        """Return the installed records of this kind; none for a kind that a user has made up."""
        return catalogue.records(self.kind) if self.kind in catalogue.GROUPS else ()

    def load(self, record: catalogue.Record) -> type[T]:
        """Return the class of an installed record.

        Raises:
            mxcore.catalogue.BrokenPluginError: it cannot be imported, or is not a class of this kind.
        """
        loaded = catalogue.load_record(record)
        if not (isinstance(loaded, type) and issubclass(loaded, self.base)):
            raise catalogue.broken(record, f"it is not a subclass of mxcore's {self.base.__name__}")
        return loaded

    def create(self, *args: Any, **kwargs: Any) -> T:
        """Create an instance from a name, from ``name(arguments)``, from a ``dumps()`` string, or from a dict.

        >>> import mxcore as mx
        >>> mx.initializer.create("normal", sigma=0.5).dumps()
        '["normal", {"sigma": 0.5}]'
        >>> mx.initializer.create("normal(sigma=0.5)").sigma
        0.5
        >>> mx.initializer.create('["normal", {"sigma": 0.5}]').sigma
        0.5
        >>> mx.initializer.create({"initializer": "normal", "sigma": 0.5}).sigma
        0.5

        An existing instance is returned as it is.

        Raises:
            mxcore.catalogue.PluginError: the name is unknown, not installed or cannot be used.
            ValueError: the class refuses the arguments.
            TypeError: arguments are unknown or missing; the message suggests what to write.
        """
        if not args:
            if self.kind not in kwargs:
                raise TypeError(f"create() needs the name of the {self.kind}")
            args = (kwargs.pop(self.kind),)
        what, *positional = args
        if isinstance(what, self.base):
            if positional or kwargs:
                raise ValueError(f"{what!r} is already an instance: it takes no further arguments")
            return what
        if isinstance(what, dict):
            return self.create(**what, **kwargs)
        if isinstance(what, str) and what.lstrip()[:1] in ("[", "{"):
            return self._from_text(what, kwargs)
        if isinstance(what, str) and (called := parsed(what)):
            name, own, given = called
            return self.create(name, *own, *positional, **{**given, **kwargs})
        cls = self.get(what)
        try:
            return cls(*positional, **kwargs)
        except TypeError as error:
            call = f"mx.{self.kind}.create({what!r}, " if self.kind in catalogue.GROUPS else f"create({what!r}, "
            if why := misfit(cls, positional, kwargs, f"{self.kind} {what!r}", call):
                raise why from error
            raise

    def _from_text(self, text: str, kwargs: dict[str, Any]) -> T:
        import json  # here, to keep `import mxcore` fast

        try:
            spec = json.loads(text)
            name, values = spec if isinstance(spec, list) else (spec.pop(self.kind), spec)
            if not isinstance(name, str) or not isinstance(values, dict):
                raise TypeError("the name must be a string, and the arguments a dict")
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            form = f'["name", {{…}}] or {{"{self.kind}": "name", …}}'
            raise ValueError(f"expected a string such as {form}, got {text!r:.200} ({error!s:.200})") from error
        try:
            return self.create(name, **{**values, **kwargs})
        except (catalogue.PluginError, ValueError, OSError):
            raise
        except Exception as error:  # the class may raise anything when given arguments that it does not expect
            raise ValueError(f"{self.kind} {name!r} cannot be created from {text!r:.200}: {error!s:.200}") from error

    def attribute(self, module: str, class_name: str) -> type[T]:
        """Return the class of that name, for the lazy attributes of a module.

        Raises:
            AttributeError: no registered or installed class has the name; the message says what to install.
            mxcore.catalogue.PluginError: it is installed but cannot be used.
        """
        if class_name.startswith("_"):  # `from module import name` asks for __path__
            raise AttributeError(f"module {module!r} has no attribute {class_name!r}")
        registered = [cls for cls in self.classes.values() if cls.__name__ == class_name]
        if registered:
            return registered[-1]
        records = [record for record in self._installed() if record.class_name == class_name]
        if records:
            return self.load(catalogue.find(self.kind, records[0].name))
        distribution = catalogue.known_names(self.kind).get(class_name.lower())
        meant = " or ".join(meant_by(self.kind, class_name))
        hint = f": did you mean {meant}?" if meant else ""
        hint = f": {catalogue.how_to_install(distribution)}" if distribution else hint
        raise AttributeError(f"module {module!r} has no attribute {class_name!r}{'' if class_name.islower() else hint}")

    def lazily(
        self, module: str, public: Sequence[str], **elsewhere: str
    ) -> tuple[Callable[[str], type[T]], Callable[[], list[str]]]:
        """Return ``__getattr__`` and ``__dir__`` of a module whose attributes are the registered and installed classes.

        Getting a class imports it. Listing the names, including the ``public`` names of the module, imports nothing.

        Args:
            module: the module.
            public: its other public names.
            elsewhere: additional names, each with the module that defines it.
        """

        def attribute(name: str) -> Any:
            if name in elsewhere:
                return getattr(importlib.import_module(elsewhere[name]), name)
            return self.attribute(module, name)

        return attribute, lambda: sorted({*public, *elsewhere, *self.class_names()})

    def class_names(self) -> list[str]:
        """Return the class names of everything registered or installed, without importing anything."""
        installed = {record.class_name for record in self._installed()}
        return sorted(installed | {cls.__name__ for cls in self.classes.values()})

    def name_of(self, cls: type) -> str:
        """Return the name by which :meth:`create` finds a class: registered, installed, or its lower-cased name."""
        names = [name for name, registered in self.classes.items() if registered is cls]
        names = names or [record.name for record in self._installed() if _is_target(record, cls)]
        return main_name(cls.__name__, names or [cls.__name__.lower()])


def registry_for(kind: str) -> Registry[Any]:
    """Return the registry of a kind, such as ``"initializer"``, whose module has been imported.

    >>> import mxcore as mx
    >>> mx.registry.registry_for("initializer").base
    <class 'mxcore.initializer.Initializer'>

    Raises:
        ValueError: there is no registry of this kind.
    """
    for registry in _registries.values():
        if registry.kind == kind:
            return registry
    known = ", ".join(registry.kind for registry in _registries.values())
    raise ValueError(f"there is no registry for {kind!r}: there are registries for {known}")


def _is_target(record: catalogue.Record, cls: type) -> bool:
    """Return whether a class is the target of a record, even if a submodule of the package defines it."""
    package = record.target.partition(":")[0]
    return record.class_name == cls.__name__ and f"{cls.__module__}.".startswith(f"{package}.")


# --- MXNet's functions, for your own base classes ---------------------------------------------------------------------


def get_registry(base_class: type) -> dict[str, type]:
    """Return a copy of the classes registered under a base class, by name.

    >>> import mxcore as mx
    >>> @mx.optimizer.register
    ... class Mine(mx.optimizer.SGD): ...
    >>> mx.registry.get_registry(mx.optimizer.Optimizer)["mine"] is Mine
    True
    >>> mx.registry.get_registry(dict)  # nothing was registered under it
    {}
    """
    return dict(_registries[base_class].classes) if base_class in _registries else {}


def get_register_func(base_class: type, nickname: str) -> Callable[..., Any]:
    """Return :meth:`Registry.register` for a base class; messages call its subclasses ``nickname``.

    >>> import mxcore as mx
    >>> class Loss: ...
    >>> register = mx.registry.get_register_func(Loss, "loss")
    >>> @register
    ... class Hinge(Loss): ...
    >>> sorted(mx.registry.get_registry(Loss))
    ['hinge']
    >>> register(dict)
    Traceback (most recent call last):
        ...
    TypeError: can only register subclasses of Loss, got <class 'dict'>
    """
    return _registry_of(base_class, nickname).register


def get_alias_func(base_class: type, nickname: str) -> Callable[..., Any]:
    """Return :meth:`Registry.alias` for a base class.

    >>> import mxcore as mx
    >>> class Loss: ...
    >>> @mx.registry.get_alias_func(Loss, "loss")("l2", "euclidean")
    ... class Squared(Loss): ...
    >>> sorted(mx.registry.get_registry(Loss))
    ['euclidean', 'l2']
    """
    return _registry_of(base_class, nickname).alias


def get_create_func(base_class: type, nickname: str) -> Callable[..., Any]:
    """Return :meth:`Registry.create` for a base class.

    >>> import attrs, mxcore as mx
    >>> class Loss: ...
    >>> @mx.registry.get_register_func(Loss, "loss")
    ... @attrs.define
    ... class Huber(Loss):
    ...     delta: float = 1.0
    >>> create = mx.registry.get_create_func(Loss, "loss")
    >>> create("huber", delta=0.5), create('["huber", {"delta": 2.0}]')
    (Huber(delta=0.5), Huber(delta=2.0))
    """
    return _registry_of(base_class, nickname).create


def _registry_of(base_class: type, nickname: str) -> Registry[Any]:
    return _registries.get(base_class) or Registry(nickname, base_class)
