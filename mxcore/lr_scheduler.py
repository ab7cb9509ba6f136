"""Learning-rate schedulers: a learning rate for each update.

>>> import mxcore as mx
>>> schedule = mx.lr_scheduler.FactorScheduler(step=100, factor=0.9, base_lr=0.1)
>>> schedule(1), schedule(100), round(schedule(101), 3)
(0.1, 0.1, 0.09)

``scheduler(n)`` is the learning rate of the n-th update, n = 1, 2, …: an optimizer counts an update before it asks for
the rate.

Operators combine schedules to new ones:

>>> falling = mx.lr_scheduler.create("exponential", gamma=0.5, base_lr=0.4)
>>> [round(falling.warmup(2)(n), 3) for n in (1, 2, 3, 4, 5)]
[0.0, 0.2, 0.4, 0.2, 0.1]
>>> [round((0.5 * falling).clamp(low=0.03).join(falling, at=5)(n), 3) for n in (1, 2, 3, 4, 5, 6)]
[0.2, 0.1, 0.05, 0.03, 0.03, 0.4]
"""

from __future__ import annotations

import contextlib
import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, cast, overload

import numpy as np
import numpy.typing as npt

from mxcore.catalogue.registry import Registry
from mxcore.declarations import Algorithm, hyperparameter, hyperparameters
from mxcore.nested import members
from mxcore.validators import integer, non_negative, one_of, optional

__all__ = ["LRScheduler", "alias", "create", "evaluate", "join", "register"]


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

    def check_lengths(self, name: str, other: str) -> None:
        """Raise a ValueError unless two sequences have the same length."""
        wanted, got = len(getattr(self, name)), len(getattr(self, other))
        if wanted != got:
            raise ValueError(f"{other} must have as many numbers as {name}, {wanted}, got {got}")

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
            if update < self._warm_from:
                return float(self.get_warmup_lr(update))
            # As an array of one element: powers of NumPy scalars and arrays may differ in the last bit.
            return float(np.ravel(self.rate(np.array([update])))[0])
        updates = np.asarray(num_update, np.float64)
        rates = np.full(updates.shape, self.rate(np.maximum(updates, self._warm_from)), np.float64)
        warming_up = updates < self._warm_from
        if warming_up.any():
            rates[warming_up] = self.get_warmup_lr(updates[warming_up])
        return rates

    def rate(self, t: Any) -> Any:
        """Return the learning rates after the warm-up for ``t``, an array of floats; override this in a subclass."""
        raise NotImplementedError(f"{type(self).__name__} must define rate(t) or __call__(num_update)")

    @property
    def _warm_from(self) -> int:
        """The first update after the warm-up."""
        return self.warmup_steps

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
            TypeError: the class has its own constructor, whose arguments are unknown, or an argument is a function.
        """
        import json  # here, to keep `import mxcore` fast

        cls: Any = type(self)
        constructor = next(parent for parent in cls.__mro__ if "__init__" in vars(parent))
        if "__attrs_attrs__" not in vars(constructor):
            raise TypeError(f"{cls.__name__} has its own constructor: define dumps() too, or use @mx.hyperparameters")
        return json.dumps([registry.name_of(cls), self._arguments()], default=self._described)

    def _described(self, value: Any) -> Any:
        import json

        if not isinstance(value, LRScheduler):
            raise TypeError(f"{type(self).__name__} cannot be written as a string: {value!r} has no string")
        return json.loads(value.dumps())

    def __eq__(self, other: object) -> bool:
        """Return whether another schedule is of the same class and has equal attributes, now."""
        if type(other) is not type(self):
            return NotImplemented
        with contextlib.suppress(ValueError):  # arrays cannot be compared like this
            return self is other or vars(self) == vars(other)
        return False

    def __hash__(self) -> int:
        return hash(type(self))  # attributes may be assigned

    # --- algebra -----------------------------------------------------------------------------------------------------

    __array_ufunc__: ClassVar[None] = None  # so that a NumPy number on the left leaves multiplication to the schedule

    def __mul__(self, other: LRScheduler | float) -> LRScheduler:
        """Return the product with another schedule, or with a number.

        >>> import mxcore as mx
        >>> a, b = (mx.lr_scheduler.create("factor", step=1, factor=x, base_lr=1.0) for x in (0.5, 0.25))
        >>> [(a * b)(n) for n in (1, 2, 3)], [(a * 0.5)(n) for n in (1, 2, 3)]
        ([1.0, 0.125, 0.015625], [0.5, 0.25, 0.125])
        """
        if isinstance(other, LRScheduler):
            return _combined("product", [self, other])
        if isinstance(other, (int, float, np.integer, np.floating)) and not isinstance(other, bool):
            return _combined("scale", self, other)
        return NotImplemented

    __rmul__ = __mul__

    def clamp(self, low: float | None = None, high: float | None = None) -> LRScheduler:
        """Return this schedule with its rates kept between two bounds.

        >>> import mxcore as mx
        >>> schedule = mx.lr_scheduler.create("factor", step=1, factor=0.5, base_lr=1.0).clamp(0.2, 0.7)
        >>> [schedule(n) for n in (1, 2, 3, 4)]
        [0.7, 0.5, 0.25, 0.2]
        """
        return _combined("clamp", self, low=low, high=high)

    def repeat(self, period: int, times: int | None = None) -> LRScheduler:
        """Return this schedule, started again every ``period`` updates, ``times`` times in all or forever.

        >>> import mxcore as mx
        >>> schedule = mx.lr_scheduler.create("factor", step=1, factor=0.5, base_lr=1.0).repeat(2)
        >>> [schedule(n) for n in (1, 2, 3, 4, 5)]
        [1.0, 0.5, 1.0, 0.5, 1.0]
        """
        return _combined("repeat", self, period=period, times=times)

    def join(self, other: LRScheduler, at: int) -> LRScheduler:
        """Return a schedule that follows this one for ``at`` updates, and then another one from its start.

        >>> import mxcore as mx
        >>> a, b = (mx.lr_scheduler.create("factor", step=1, factor=0.5, base_lr=rate) for rate in (1.0, 6.0))
        >>> [a.join(b, at=2)(n) for n in (1, 2, 3, 4)]
        [1.0, 0.5, 6.0, 3.0]

        See :func:`~mxcore.lr_scheduler.join` for more than two.
        """
        return join([self, other], [at])

    def warmup(self, steps: int, begin_lr: float = 0.0) -> LRScheduler:
        """Return a schedule that rises from ``begin_lr`` to where this one starts, and then follows it from its start.

        >>> import mxcore as mx
        >>> schedule = mx.lr_scheduler.create("factor", step=1, factor=0.5, base_lr=1.0).warmup(4)
        >>> [schedule(n) for n in (1, 2, 3, 4, 5, 6)]
        [0.0, 0.25, 0.5, 0.75, 1.0, 0.5]

        Unlike ``warmup_steps=4`` of the classes that have it, this delays the schedule.
        """
        return _combined("warmup", self, warmup_steps=steps, warmup_begin_lr=begin_lr)

    def parts(self) -> Mapping[str, LRScheduler]:
        """Return the schedules that are attributes of this one, by name; those in a tuple by name and position.

        >>> import mxcore as mx
        >>> a, b = (mx.lr_scheduler.create("poly", max_update=10) for _ in range(2))
        >>> [*a.join(b, at=10).parts()], [*a.parts()]
        (['schedulers/0', 'schedulers/1'], [])
        """
        return members(self, LRScheduler)

    def observe(self, metric: float) -> None:
        """Tell the schedule a metric, such as the validation loss after an epoch.

        Only schedules that follow one, such as ``reduceonplateau``, take notice. Combinations pass it on.
        """
        for one in {id(one): one for one in self.parts().values()}.values():
            one.observe(metric)


def _combined(name: str, *arguments: Any, **keywords: Any) -> LRScheduler:
    return registry.get(name)(*arguments, **keywords)


def join(schedulers: Sequence[LRScheduler], boundaries: Sequence[int]) -> LRScheduler:
    """Return a schedule that follows others in turn; each starts from its own start.

    >>> import mxcore as mx
    >>> a, b, c = (mx.lr_scheduler.create("factor", step=1, factor=0.5, base_lr=rate) for rate in (1.0, 6.0, 4.0))
    >>> schedule = mx.lr_scheduler.join([a, b, c], [2, 3])
    >>> [schedule(n) for n in (1, 2, 3, 4, 5)]
    [1.0, 0.5, 6.0, 4.0, 2.0]
    >>> a.join(b, at=2).join(c, at=3) == schedule
    True

    Args:
        schedulers: the schedules. One alone is returned as it is.
        boundaries: how many updates are finished when each schedule but the first starts.

    Raises:
        ValueError: the boundaries don't increase, or their number does not fit.
        mxcore.catalogue.PluginError: ``mxcore-lr-scheduler-join`` is not installed.
    """
    if len(schedulers) == 1 and not len(boundaries):
        return schedulers[0]
    return _combined("join", schedulers, boundaries)


def evaluate(scheduler: Callable[[int], float], updates: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """Return the learning rates of an array of updates, even from a scheduler for numbers only.

    >>> evaluate(lambda update: 0.1 / (1 + update), [0, 1, 4])
    array([0.1 , 0.05, 0.02])
    """
    if hasattr(updates, "follow"):  # a symbol of another library, which traces the schedule
        return cast("npt.NDArray[np.float64]", updates.follow(scheduler))
    numbers = np.asarray(updates)
    if isinstance(scheduler, LRScheduler) and type(scheduler).__call__ is LRScheduler.__call__:
        return np.asarray(scheduler(numbers), np.float64)
    return np.array([scheduler(int(update)) for update in numbers.flat], np.float64).reshape(numbers.shape)


registry: Registry[LRScheduler] = Registry("lr_scheduler", LRScheduler)
register, alias, create = registry.register, registry.alias, registry.create
__getattr__, __dir__ = registry.lazily(__name__, __all__, Combination="mxcore.curves", Curve="mxcore.curves")
