"""Learning-rate schedulers: a learning rate for each update.

>>> import mxcore as mx
>>> schedule = mx.lr_scheduler.FactorScheduler(step=100, factor=0.9, base_lr=0.1)
>>> schedule(1), schedule(100), round(schedule(101), 3)
(0.1, 0.1, 0.09)

``scheduler(n)`` is the learning rate of the n-th update, n = 1, 2, …: an optimizer counts an update before it asks for
the rate.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, overload

import numpy as np
import numpy.typing as npt

from mxcore.catalogue.registry import Registry
from mxcore.declarations import Algorithm, hyperparameter, hyperparameters
from mxcore.validators import integer, non_negative, one_of, optional

__all__ = ["LRScheduler", "alias", "create", "evaluate", "register"]


@hyperparameters
class LRScheduler(Algorithm):
    """Base class of all schedules.

    There are two ways to write one:

    * define ``rate(t)``, a pure function of the update count, written with array operations. The base class adds the
      warm-up, and handles scalars and arrays;
    * as in MXNet, define ``__call__(num_update)``.

    With ``rate``, calls in any order give the same rates, and ``base_lr`` may be assigned at any time. Put conditions
    that involve several arguments into ``check_together``; assignments are checked against them, too.

    >>> import numpy as np, mxcore as mx
    >>> @mx.hyperparameters
    ... class InverseRoot(mx.lr_scheduler.LRScheduler):
    ...     def rate(self, t):
    ...         return self.base_lr / np.sqrt(t + 1)
    >>> schedule = InverseRoot(base_lr=0.6)
    >>> schedule(0), schedule(3), schedule(np.array([0, 3]))
    (0.6, 0.3, array([0.6, 0.3]))

    Args:
        base_lr: the learning rate that the schedule starts from, at least 0.
        warmup_steps: the update at which warm-up ends.
        warmup_begin_lr: the learning rate at update 0, at least 0 and at most ``base_lr``.
        warmup_mode: ``"linear"`` rises from ``warmup_begin_lr`` to ``base_lr``, ``"constant"`` stays at the former.

    Raises:
        ValueError: an argument is out of range.
    """

    base_lr: float = hyperparameter(0.01, optional(non_negative))
    warmup_steps: int = hyperparameter(0, integer(at_least=0))
    warmup_begin_lr: float = hyperparameter(0, non_negative)
    warmup_mode: str = hyperparameter("linear", one_of("linear", "constant"))

    if TYPE_CHECKING:  # the constructor is generated from the hyper-parameters of each class

        def __init__(self, *args: Any, **kwargs: Any) -> None: ...

    def check_together(self) -> None:
        """Raise a ValueError if values contradict each other: a warm-up cannot fall."""
        self.check_order("warmup_begin_lr")

    def check_order(self, name: str) -> None:
        """Raise a ValueError if the rate of this name is above ``base_lr``."""
        if self.base_lr is not None and getattr(self, name) > self.base_lr:
            raise ValueError(f"{name} must be at most base_lr={self.base_lr}, got {getattr(self, name)}")

    def _assigning(self, name: str, value: Any) -> None:
        # A class with its own `__call__` may let base_lr fall below the start of its warm-up, as MXNet's do.
        if type(self).__call__ is LRScheduler.__call__:
            super()._assigning(name, value)

    @classmethod
    def arguments_for(cls, updates: int) -> Mapping[str, Any]:
        """Return default arguments that fit the schedule to a run of this many updates.

        This is ``max_update``, if the class takes it. Override it if your class needs something else.
        """
        return {"max_update": updates} if "max_update" in inspect.signature(cls).parameters else {}

    @overload
    def __call__(self, num_update: int) -> float: ...
    @overload
    def __call__(self, num_update: npt.NDArray[Any]) -> npt.NDArray[np.float64]: ...
    def __call__(self, num_update: int | npt.NDArray[Any]) -> float | npt.NDArray[np.float64]:
        """Return the learning rate of an update, counted from 1, or for an array of updates an array of rates."""
        if not np.ndim(num_update):
            update = float(num_update)
            if update < self.warmup_steps:
                return float(self.get_warmup_lr(update))
            # As an array of one element: powers of NumPy scalars and arrays may differ in the last bit.
            return float(np.ravel(self.rate(np.array([update])))[0])
        updates = np.asarray(num_update, np.float64)
        rates = np.full(updates.shape, self.rate(np.maximum(updates, self.warmup_steps)), np.float64)
        warming_up = updates < self.warmup_steps
        if warming_up.any():
            rates[warming_up] = self.get_warmup_lr(updates[warming_up])
        return rates

    def rate(self, t: Any) -> Any:
        """Return the learning rates after the warm-up for ``t``, an array of floats; override this in a subclass."""
        raise NotImplementedError(f"{type(self).__name__} must define rate(t) or __call__(num_update)")

    @property
    def warmup_final_lr(self) -> float:
        """The learning rate at the end of a linear warm-up, which is ``base_lr``."""
        return self.base_lr

    def get_warmup_lr(self, num_update: Any) -> Any:
        """Return the learning rate of an update before ``warmup_steps``."""
        if self.warmup_mode == "constant":
            return self.warmup_begin_lr + 0 * num_update
        increase = (self.warmup_final_lr - self.warmup_begin_lr) * num_update / max(self.warmup_steps, 1)
        return self.warmup_begin_lr + increase

    def dumps(self) -> str:
        """Return a string, ``["name", {arguments}]``, from which :func:`create` makes an equal schedule.

        Raises:
            TypeError: the class has its own constructor, whose arguments are unknown.
        """
        import json  # here, to keep `import mxcore` fast

        cls: Any = type(self)
        constructor = next(parent for parent in cls.__mro__ if "__init__" in vars(parent))
        if "__attrs_attrs__" not in vars(constructor):
            raise TypeError(f"{cls.__name__} has its own constructor: define dumps() too, or use @mx.hyperparameters")
        return json.dumps([registry.name_of(cls), self._arguments()])


def evaluate(scheduler: Callable[[int], float], updates: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """Return the learning rates of an array of updates, even from a scheduler for numbers only.

    >>> evaluate(lambda update: 0.1 / (1 + update), [0, 1, 4])
    array([0.1 , 0.05, 0.02])
    """
    numbers = np.asarray(updates)
    if isinstance(scheduler, LRScheduler) and type(scheduler).__call__ is LRScheduler.__call__:
        return np.asarray(scheduler(numbers), np.float64)
    return np.array([scheduler(int(update)) for update in numbers.flat], np.float64).reshape(numbers.shape)


registry: Registry[LRScheduler] = Registry("lr_scheduler", LRScheduler)
register, alias, create = registry.register, registry.alias, registry.create
__getattr__, __dir__ = registry.lazily(__name__, __all__)
