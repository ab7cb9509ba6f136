"""The algorithms of a run: from names and arguments to instances that have been checked.

Nothing here knows an algorithm but for the defaults, which are stated in one place.
"""

from __future__ import annotations

from typing import Any

import attrs

import mxcore.catalogue
from mxcore.commands.choice import RESERVED, Choice
from mxcore_module.train.errors import InputError

__all__ = ["Choice", "Recipe", "describe"]

NO_SCHEDULER = "none"


DEFAULT_OPTIMIZER = Choice("optimizer", "sgd", {"learning_rate": 0.05, "momentum": 0.9, "wd": 0.005})
DEFAULT_INITIALIZER = Choice("initializer", "xavier")
DEFAULT_LR_SCHEDULER = Choice("lr_scheduler", "multifactor")


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

    optimizer: Choice = DEFAULT_OPTIMIZER
    initializer: Choice = DEFAULT_INITIALIZER
    lr_scheduler: Choice | None = DEFAULT_LR_SCHEDULER

    def for_updates(self, updates: int) -> Recipe:
        """The recipe with what its schedule leaves open settled for a run of so many updates."""
        scheduler = self.lr_scheduler
        if scheduler is None:
            return self
        defaults = dict(scheduler.load().arguments_for(updates)) if scheduler.missing() else {}
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
            mxcore.commands.choice.ChoiceError: if an argument is unknown, missing or out of its range.
            mxcore.catalogue.PluginError: if an algorithm is unknown or cannot be used.
        """
        optimizer = self.optimizer.with_defaults(rescale_grad=1 / batch_size)
        plain = optimizer.create()  # so that a bad rate is reported by the name it was given under
        if self.lr_scheduler is None:
            return plain
        return optimizer.create(lr_scheduler=self.lr_scheduler.create())


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
        values |= {alias: getattr(instance, name) for alias, name in fields.items() if alias not in RESERVED}
    return values
