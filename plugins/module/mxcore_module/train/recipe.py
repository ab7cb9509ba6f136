"""The algorithms of a run: validated instances from names and arguments.

Nothing here depends on particular algorithms except for the defaults, which are in one place.
"""

from __future__ import annotations

import json
from typing import Any

import attrs

from mxcore.commands.choice import RESERVED, Choice
from mxcore.lr_scheduler import LRScheduler
from mxcore.step import WRAPPED
from mxcore_module.train.errors import InputError

__all__ = ["Choice", "Recipe", "averaged", "describe"]

NO_SCHEDULER = "none"
AVERAGE = "average"
AVERAGED_SHARE = 0.1
"""The share of a run that an average is over."""

DEFAULT_OPTIMIZER = Choice("optimizer", "sgd", {"learning_rate": 0.05, "momentum": 0.9, "wd": 0.005})
DEFAULT_INITIALIZER = Choice("initializer", "xavier")
DEFAULT_LR_SCHEDULER = Choice("lr_scheduler", "multifactor")


@attrs.frozen
class Recipe:
    """The algorithms that train the network, with their arguments.

    The defaults are SGD with momentum, Xavier weights, and a learning rate that drops to a fifth at one half and at
    three quarters of the run. An optimizer that you name keeps its own defaults.

    Args:
        optimizer: the choice of optimizer; a ``learning_rate`` in its arguments is the initial rate of the schedule.
        initializer: the choice of initializer.
        lr_scheduler: the choice of scheduler; None for a constant rate.
        average: whether the optimizer is an :func:`averaged` one: by default, over about a tenth of the run.
    """

    optimizer: Choice = DEFAULT_OPTIMIZER
    initializer: Choice = DEFAULT_INITIALIZER
    lr_scheduler: Choice | None = DEFAULT_LR_SCHEDULER
    average: bool = False

    def for_updates(self, updates: int) -> Recipe:
        """Return the recipe with its schedule and its average adapted to a run of this many updates.

        Raises:
            InputError: if the learning rate is given twice.
        """
        optimizer, scheduler = self.optimizer, self.lr_scheduler
        if self.average:
            optimizer = optimizer.with_defaults(beta=round(max(0.0, 1 - 1 / (AVERAGED_SHARE * updates)), 6))
        if scheduler is None:
            return attrs.evolve(self, optimizer=optimizer)
        by_name_alone = not scheduler.arguments and "(" not in scheduler.name
        adapts = by_name_alone or scheduler.missing()
        defaults = dict(scheduler.load().arguments_for(updates)) if adapts else {}
        rate, name = self._starting_rate(scheduler), rate_argument(scheduler)
        if rate is not None and scheduler.accepts(name):
            defaults[name] = rate
        return attrs.evolve(self, optimizer=optimizer, lr_scheduler=scheduler.with_defaults(**defaults))

    def _starting_rate(self, scheduler: Choice) -> Any:
        """Return the learning rate: the optimizer's argument, the scheduler's, or else the optimizer's own default."""
        name = rate_argument(scheduler)
        given, base = self.optimizer.arguments.get("learning_rate"), scheduler.arguments.get(name)
        if given is not None and base is not None and given != base:
            raise InputError(f"the learning rate is given twice: learning_rate={given} and {name}={base}: drop one")
        rate = base if given is None else given
        return self.optimizer.create().default_learning_rate if rate is None else rate

    def create_optimizer(self, batch_size: int) -> Any:
        """Create the optimizer with its scheduler, for gradients that are sums over ``batch_size`` samples.

        Raises:
            mxcore.commands.choice.ChoiceError: if an argument is unknown, missing or out of range.
            mxcore.catalogue.PluginError: if an algorithm is unknown or cannot be used.
        """
        optimizer = self.optimizer.with_defaults(rescale_grad=1 / batch_size)
        plain = optimizer.create()  # so that an invalid rate is reported under the name that the user gave
        if self.lr_scheduler is None:
            return plain
        return optimizer.create(lr_scheduler=self.lr_scheduler.create())


def rate_argument(scheduler: Choice) -> str:
    """Return the argument of a scheduler that is its ``base_lr``: for some, it has another name."""
    cls = scheduler.load()
    names = {field.name: str(field.alias) for field in attrs.fields(cls)} if attrs.has(cls) else {}
    return names.get("base_lr", "base_lr")


def averaged(optimizer: Choice) -> Choice:
    """Return an optimizer with an average of its weights, to evaluate with.

    Raises:
        InputError: it is one.
    """
    if optimizer.canonical_name == AVERAGE:
        raise InputError(f"{optimizer} averages already: leave out --average")
    name = repr(optimizer.name) if ":" in optimizer.name else optimizer.name
    return attrs.evolve(optimizer, name=f"{AVERAGE}({name})")


def describe(choice: Choice, instance: Any) -> dict[str, Any]:
    """Describe an algorithm for the record: its source, and every hyper-parameter as used, also of what it wraps."""
    record = choice.record()
    return {
        "name": record.name,
        "class": record.class_name,
        "distribution": record.distribution,
        "version": record.version,
        "hyperparameters": _hyperparameters(choice, instance),
    }


def _described(value: Any) -> Any:
    """Return a value with schedules as :meth:`~mxcore.lr_scheduler.LRScheduler.dumps` describes them."""
    if isinstance(value, tuple):
        return tuple(map(_described, value))
    return json.loads(value.dumps()) if isinstance(value, LRScheduler) else value


def _hyperparameters(choice: Choice, instance: Any) -> dict[str, Any]:
    values = dict(choice.arguments)
    if not attrs.has(type(instance)):
        return values
    fields = {field.alias or field.name: field.name for field in attrs.fields(type(instance))}
    own = {alias: _described(getattr(instance, name)) for alias, name in fields.items() if alias not in RESERVED}
    if choice.wrapped:
        own[WRAPPED] = inner = describe(choice.wrapped, own[WRAPPED])
        values = {name: value for name, value in values.items() if name not in inner["hyperparameters"]}
    return values | own
