"""Optimizers that wrap another one: they change its gradients or its steps, in the same pass."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Mapping
from typing import Any, ClassVar

from mxcore.backend import Array
from mxcore.catalogue import PluginError
from mxcore.catalogue.hints import closest
from mxcore.catalogue.registry import registry_for
from mxcore.declarations import hyperparameter, hyperparameters
from mxcore.kernel import Slot
from mxcore.kernel.rule.slot import INNER
from mxcore.optimizer import Optimizer
from mxcore.step import WRAPPED, traits_of
from mxcore.step.around import Around
from mxcore.step.protocol import Index

__all__ = ["Wrapper"]


def _optimizer(given: Any) -> Any:
    """Return an optimizer from an instance, a name or a string."""
    try:
        return registry_for("optimizer").create(given)
    except (TypeError, PluginError) as error:
        raise ValueError(f"optimizer must be an optimizer, or the name of one, got {given!r}: {error}") from error


@hyperparameters
class Wrapper(Optimizer):
    r"""Base class of optimizers that wrap another one.

    A wrapper's rule takes the rescaled gradient, before clipping and weight decay. It calls ``inner(weight, grad)``
    once, which clips, decays, applies the rule of the wrapped optimizer and returns the new weight. Both rules are
    traced into one graph, which runs in one pass.

    >>> import numpy as np, mxcore as mx
    >>> @mx.hyperparameters
    ... class Halved(mx.optimizer.Wrapper):
    ...     @staticmethod
    ...     def rule(weight, grad, *, inner):
    ...         return weight + 0.5 * (inner(weight, grad) - weight)
    >>> update = mx.optimizer.get_updater(Halved("sgd"))
    >>> update.optimizer.learning_rate = 0.5
    >>> weight = np.array([1.0])
    >>> update(0, np.array([1.0]), weight)
    >>> weight
    array([0.75])

    The wrapped optimizer owns the learning rate, its schedule, weight decay, rescaling, clipping, names, multipliers
    and counts. You can read and assign all of them through the wrapper. A wrapper's rule may also take ``raw_grad``,
    ``noise``, ``lr``, ``wd``, ``t`` and ``num_update``.

    If the wrapped optimizer has no rule, the wrapper runs as array code, one parameter at a time. An update that fails
    may then have changed the state of the wrapped optimizer.

    Args:
        optimizer: the optimizer to wrap, or its name; it cannot be exchanged later.

    Raises:
        ValueError: ``optimizer`` is not an optimizer, or updates all parameters of a call at once.
        TypeError: the rule does not call ``inner`` once; raised by the first update.
    """

    opt_registry = Optimizer.opt_registry
    examples: ClassVar[tuple[Mapping[str, Any], ...]] = ({"optimizer": "adam"},)
    # These belong to the wrapped optimizer, and are not arguments of a wrapper.
    _delegated: ClassVar[frozenset[str]] = frozenset(Optimizer._declared)

    _delegated_names: ClassVar[frozenset[str]]

    optimizer: Optimizer = hyperparameter(converter=_optimizer, first=True)

    def __init_subclass__(cls, **keywords: Any) -> None:
        super().__init_subclass__(**keywords)
        if taken := sorted(Wrapper._delegated_names & set(vars(cls).get("__annotations__", ()))):
            raise TypeError(f"{cls.__name__}.{taken[0]} is an attribute of the wrapped optimizer: use another name")

    def __attrs_post_init__(self) -> None:
        self._set_runners()
        self._around = Around()
        if traits_of(self.optimizer).needs_all or self.optimizer.takes_lists:
            owner = type(self.optimizer).__name__
            raise ValueError(f"{owner} updates all parameters of a call at once, and cannot be wrapped")
        self.check_together()

    def _assigning(self, name: str, value: Any) -> None:
        if name == "optimizer":
            raise ValueError("the optimizer of a wrapper cannot be exchanged: make a new wrapper")
        super()._assigning(name, value)

    def __getstate__(self) -> dict[str, Any]:
        return dict(vars(self))

    @classmethod
    def _decorated(cls) -> None:
        """Let the constructor take arguments of the wrapped optimizer."""
        construct: Any = cls.__init__
        signature = inspect.signature(construct)
        more = inspect.Parameter("kwargs", inspect.Parameter.VAR_KEYWORD)

        @functools.wraps(construct)
        def routed(self: Any, *args: Any, **kwargs: Any) -> None:
            args, kwargs = type(self)._routed(args, kwargs)
            construct(self, *args, **kwargs)

        vars(routed)["__signature__"] = signature.replace(parameters=[*signature.parameters.values(), more])
        cls.__init__ = routed  # type: ignore[method-assign]

    @classmethod
    def _routed(cls, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Return constructor arguments, of which those that a wrapper does not have were given to what it wraps."""
        own = {field.alias: kwargs[field.alias] for field in cls._declared.values() if field.alias in kwargs}
        others = {name: value for name, value in kwargs.items() if name not in own}
        wrapped = args[0] if args else own.get(WRAPPED)
        if not others or not isinstance(wrapped, (str, dict, Optimizer)):
            return args, kwargs
        try:
            created = registry_for("optimizer").create(wrapped, **others)
        except TypeError as error:
            names = [str(field.alias) for field in cls._declared.values()]
            if close := [match for name in others for match in closest(name, names, 1)]:
                raise TypeError(f"{error}; {cls.__name__} has {close[0]!r}") from error
            raise
        own.pop(WRAPPED, None)
        return (created, *args[1:]), own

    # --- state -------------------------------------------------------------------------------------------------------

    @property
    def _inner(self) -> Optimizer:
        return self.optimizer

    def state_slots(self) -> tuple[Slot, ...]:
        """Return the slots of the wrapper's rule, and those of the wrapped optimizer, such as ``inner/mean``."""
        return (*self.own_slots(), *(slot.inside for slot in self.optimizer.state_slots()))

    def create_state(self, index: Index, weight: Array) -> tuple[Any, Any]:
        """Create the state of a parameter: the wrapper's own, and that of the wrapped optimizer."""
        return super().create_state(index, weight), self.optimizer.create_state(index, weight)

    def flags(self, name: str) -> Mapping[str, bool]:
        """Return the flags of the wrapped optimizer."""
        return {INNER + flag: value for flag, value in self.optimizer.flags(name).items()}

    # --- updating ----------------------------------------------------------------------------------------------------

    def update(self, index: Any, weight: Any, grad: Any, state: Any) -> None:
        """Update a weight and its state in place; around a rule also lists of all four."""
        if traits_of(self).runs_rule:
            super().update(index, weight, grad, state)
        else:
            self._around.run(self, index, weight, grad, state)

    def update_multi_precision(self, index: Any, weight: Any, grad: Any, state: Any) -> None:
        """Update a weight, or lists of them, where the state may be ``(master, state)``."""
        if traits_of(self).runs_rule:
            self._run_rule(self._direct, index, weight, grad, state)
        else:
            super().update_multi_precision(index, weight, grad, state)


def _of_inner(name: str) -> Any:
    """Return a property that reads and assigns an attribute of the wrapped optimizer."""

    def assign(self: Wrapper, value: Any) -> None:
        setattr(self.optimizer, name, value)

    return property(lambda self: getattr(self.optimizer, name), assign, doc=f"``{name}`` of the wrapped optimizer.")


Wrapper._delegated_names = frozenset({
    *Wrapper._delegated, "_counting", "_decided", "_exempt", "_get_lr", "_get_lrs", "_get_wd", "_get_wds",
    "_settings_version", "_tables_version", "_update_count", "aggregate_num", "decay", "decayed_suffixes",
    "decay_of", "default_learning_rate", "describe", "gated", "learning_rate", "multiplier", "rate_of", "set_lr_mult",
    "set_wd_mult", "unscale", "warn_of_groups", "warn_of_names",
})  # fmt: skip
for _name in Wrapper._delegated_names:
    setattr(Wrapper, _name, _of_inner(_name))
