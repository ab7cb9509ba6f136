"""The algorithms of a run: from names and arguments to instances that have been checked.

Nothing here knows an algorithm but for the defaults, which are stated in one place.
"""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Callable, Mapping
from typing import Any

import attrs

import mxcore.catalogue
import mxcore.initializer
import mxcore.lr_scheduler
import mxcore.optimizer
from mxcore_module.train.errors import InputError

__all__ = ["Choice", "Recipe", "describe"]

NO_SCHEDULER = "none"

_CREATE: Mapping[str, Callable[..., Any]] = {
    "optimizer": mxcore.optimizer.create,
    "initializer": mxcore.initializer.create,
    "lr_scheduler": mxcore.lr_scheduler.create,
}
# What the training loop supplies to an optimizer itself.
_RESERVED = ("lr_scheduler", "sym", "param_idx2name", "param_dict")


@attrs.frozen
class Choice:
    """An algorithm by name, with the arguments that were given for it."""

    kind: str
    name: str
    arguments: Mapping[str, Any] = attrs.field(factory=dict)

    def __str__(self) -> str:
        """Such as ``optimizer 'sgd'``."""
        return f"{self.kind} {self.name!r}"

    @property
    def canonical_name(self) -> str:
        """The name of its entry point, whichever of its names was used.

        Raises:
            mxcore.catalogue.PluginError: if nothing installed has the name.
        """
        return mxcore.catalogue.find(self.kind, self.name).name

    def load(self) -> Any:
        """The class.

        Raises:
            mxcore.catalogue.PluginError: if nothing installed has the name.
        """
        return mxcore.catalogue.load(self.kind, self.name)

    def parameters(self) -> Mapping[str, inspect.Parameter]:
        """The arguments of the class that can be given, by name."""
        signature = inspect.signature(self.load()).parameters
        return {name: parameter for name, parameter in signature.items() if name not in _RESERVED}

    def accepts(self, name: str) -> bool:
        """Whether the class takes an argument of this name."""
        parameters = self.parameters()
        return name in parameters or any(one.kind is one.VAR_KEYWORD for one in parameters.values())

    def with_defaults(self, **defaults: Any) -> Choice:
        """The choice with further arguments, where none of the name was given."""
        return attrs.evolve(self, arguments={**defaults, **self.arguments})

    def create(self, **supplied: Any) -> Any:
        """An instance, from the arguments and what the training loop supplies.

        Raises:
            InputError: if an argument is unknown, missing or out of its range.
            mxcore.catalogue.PluginError: if nothing installed has the name.
        """
        self._check_names()
        try:
            return _CREATE[self.kind](self.name, **{**self.arguments, **supplied})
        except (TypeError, ValueError, ArithmeticError) as error:
            if isinstance(error, mxcore.catalogue.PluginError):
                raise
            raise InputError(f"{self}: {error}") from error

    def _check_names(self) -> None:
        parameters = self.parameters()
        for name in self.arguments:
            if name in _RESERVED or not self.accepts(name):
                close = difflib.get_close_matches(name, parameters, n=1)
                hint = f" (did you mean {close[0]!r}?)" if close else ""
                takes = f"it takes {', '.join(parameters)}" if parameters else "it takes none"
                raise InputError(f"{self} has no argument {name!r}{hint}: {takes}")
        missing = [name for name, one in parameters.items() if one.default is one.empty and _is_named(one)]
        if missing := [name for name in missing if name not in self.arguments]:
            raise InputError(f"{self} needs {', '.join(missing)}: give {missing[0]}=VALUE")


def _is_named(parameter: inspect.Parameter) -> bool:
    return parameter.kind in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY)


@attrs.frozen
class Recipe:
    """Which algorithms train the network, and how.

    The defaults: SGD with momentum, Xavier's weights, and a rate that falls to a fifth at half and at three quarters
    of the run. An optimizer that is named keeps its own defaults.

    Args:
        optimizer: the choice of optimizer; a ``learning_rate`` among its arguments is what the schedule starts from.
        initializer: the choice of initializer.
        lr_scheduler: the choice of scheduler; None for a constant rate.
    """

    optimizer: Choice = Choice("optimizer", "sgd", {"learning_rate": 0.05, "momentum": 0.9, "wd": 0.005})
    initializer: Choice = Choice("initializer", "xavier")
    lr_scheduler: Choice | None = Choice("lr_scheduler", "multifactor")

    def for_updates(self, updates: int) -> Recipe:
        """The recipe with what its schedule leaves open settled for a run of so many updates."""
        scheduler = self.lr_scheduler
        if scheduler is None:
            return self
        defaults = _fit(scheduler, updates)
        rate = self._starting_rate(scheduler)
        if rate is not None and scheduler.accepts("base_lr"):
            defaults["base_lr"] = rate
        return attrs.evolve(self, lr_scheduler=scheduler.with_defaults(**defaults))

    def _starting_rate(self, scheduler: Choice) -> Any:
        """The one learning rate: the optimizer's argument, the scheduler's, or else the optimizer's own default."""
        given, base = self.optimizer.arguments.get("learning_rate"), scheduler.arguments.get("base_lr")
        if given is not None and base is not None and given != base:
            raise InputError(f"the learning rate is given twice: learning_rate={given} and base_lr={base}: drop one")
        rates = (given, base, getattr(self.optimizer.load(), "default_learning_rate", None))
        return next((rate for rate in rates if rate is not None), None)

    def create_optimizer(self, batch_size: int) -> Any:
        """The optimizer with its scheduler, for gradients that are sums over ``batch_size`` samples.

        Raises:
            InputError: if an argument is unknown, missing or out of its range.
            mxcore.catalogue.PluginError: if an algorithm is unknown or cannot be used.
        """
        optimizer = self.optimizer.with_defaults(rescale_grad=1 / batch_size)
        plain = optimizer.create()  # so that a bad rate is reported by the name it was given under
        if self.lr_scheduler is None:
            return plain
        return optimizer.create(lr_scheduler=self.lr_scheduler.create())


def _fit(scheduler: Choice, updates: int) -> dict[str, Any]:
    """Arguments that depend on the length of the run, for a scheduler that was given none of them."""
    name, open_ended = scheduler.canonical_name, "step" not in scheduler.arguments
    if name == "multifactor" and open_ended:
        half, three_quarters = max(updates // 2, 1), max(updates * 3 // 4, 2)
        return {"step": [half, three_quarters], "factor": 0.2}
    if name == "factor" and open_ended:
        return {"step": max(updates // 10, 1), "factor": 0.75}
    if "max_update" in scheduler.parameters():
        return {"max_update": updates}
    return {}


def describe(choice: Choice, instance: Any) -> dict[str, Any]:
    """What an algorithm was, for the record: where it came from and every hyper-parameter as it was used."""
    record = mxcore.catalogue.find(choice.kind, choice.name)
    return {
        "name": record.name,
        "class": record.class_name,
        "distribution": record.distribution,
        "version": record.version,
        "hyperparameters": _hyperparameters(choice, instance),
    }


def _hyperparameters(choice: Choice, instance: Any) -> dict[str, Any]:
    values = dict(choice.arguments)
    if attrs.has(type(instance)):
        fields = {field.alias or field.name: field.name for field in attrs.fields(type(instance))}
        values |= {alias: getattr(instance, name) for alias, name in fields.items() if alias not in _RESERVED}
    return values
