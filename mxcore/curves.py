"""Base classes of schedules that have no warm-up of their own, and of those that combine other schedules."""

from __future__ import annotations

import math
from typing import Any, ClassVar

import numpy as np

from mxcore.declarations import hyperparameter, hyperparameters
from mxcore.lr_scheduler import LRScheduler, create
from mxcore.validators import Validator, increasing, non_negative, optional

__all__ = ["Combination", "Curve", "as_tuple", "boundaries", "finished", "part", "parts", "scales"]


@hyperparameters
class Curve(LRScheduler):
    """Base class of schedules without warm-up arguments: :meth:`~mxcore.lr_scheduler.LRScheduler.warmup` adds one.

    >>> import numpy as np, mxcore as mx
    >>> @mx.hyperparameters
    ... class InverseTime(mx.lr_scheduler.Curve):
    ...     def rate(self, t):
    ...         return self.base_lr / t
    >>> InverseTime(base_lr=0.6).warmup(2)(np.arange(1, 6))
    array([0. , 0.3, 0.6, 0.3, 0.2])

    Args:
        base_lr: the learning rate that the schedule starts from, at least 0.
    """

    _delegated: ClassVar[tuple[str, ...]] = ("warmup_steps", "warmup_begin_lr", "warmup_mode")

    @property
    def _warm_from(self) -> int:
        return 0

    def check_together(self) -> None:
        """Raise a ValueError if values contradict each other; override this in a subclass."""


def finished(t: Any) -> Any:
    """Return how many updates are finished before update ``t``: t - 1, or 0 for update 0.

    >>> import numpy as np
    >>> finished(np.array([0, 1, 5]))
    array([0, 0, 4])
    """
    return np.maximum(t - 1, 0)


def as_tuple(given: Any) -> Any:
    """Convert a list, range or array to a tuple of Python's numbers, so that nothing can change after the checks.

    >>> as_tuple(range(3)), as_tuple(7)
    ((0, 1, 2), 7)
    """
    if not isinstance(given, (list, tuple, range, np.ndarray)) or not getattr(given, "ndim", 1):
        return given
    return tuple(one.item() if isinstance(one, np.generic) else one for one in given)


_none_or_increasing = Validator(
    "increasing integers of at least 1", lambda value: value == () or increasing.accepts(value)
)


def boundaries(may_be_empty: bool = False) -> Any:
    """Declare an argument that is a sequence of update counts: increasing integers of at least 1.

    >>> import mxcore as mx
    >>> mx.lr_scheduler.create("piecewiseconstant", boundaries=[9, 5], scales=[1, 1])
    Traceback (most recent call last):
        ...
    ValueError: boundaries must be a list of increasing integers of at least 1, got (9, 5)
    """
    return hyperparameter(_none_or_increasing if may_be_empty else increasing, converter=as_tuple)


_numbers = Validator(
    "a list of numbers of at least 0",
    lambda value: isinstance(value, tuple) and all(map(non_negative.accepts, value)),
)


def scales() -> Any:
    """Declare an argument that is a sequence of factors, each at least 0.

    >>> import mxcore as mx
    >>> mx.lr_scheduler.create("piecewiseconstant", boundaries=[5, 9], scales=[0.5, -1])
    Traceback (most recent call last):
        ...
    ValueError: scales must be a list of numbers of at least 0, got (0.5, -1)
    """
    return hyperparameter(_numbers, converter=as_tuple)


def _made(given: Any) -> Any:
    """Create a schedule from its name, its string, or what :meth:`LRScheduler.dumps` writes."""
    if isinstance(given, (str, dict)):
        return create(given)
    if isinstance(given, (list, tuple)) and [*map(type, given)] == [str, dict]:
        return create(given[0], **given[1])
    return given


def _all_made(given: Any) -> Any:
    return tuple(map(_made, given)) if isinstance(given, (list, tuple)) else given


def _fits(value: object) -> bool:
    return isinstance(value, LRScheduler) and value.base_lr is not None


_one = Validator("a scheduler with a base_lr, or its name", _fits)
_several = Validator(
    "a list of schedulers with a base_lr, or of their names",
    lambda value: isinstance(value, tuple) and bool(value) and all(map(_fits, value)),
)


def part() -> Any:
    """Declare an argument of a :class:`Combination` that is a schedule.

    >>> import mxcore as mx
    >>> mx.lr_scheduler.create("scale", "constant(base_lr=1.0, factor=1)", factor=0.5).schedule.base_lr
    1.0
    """
    return hyperparameter(_one, converter=_made)


def parts() -> Any:
    """Declare an argument of a :class:`Combination` that is a sequence of schedules.

    >>> import mxcore as mx
    >>> mx.lr_scheduler.create("product", ["poly(max_update=9)", "cosine(max_update=9)"]).schedulers[1].max_update
    9
    """
    return hyperparameter(_several, converter=_all_made)


@hyperparameters
class Combination(Curve):
    """Base class of schedules that combine others.

    A subclass declares these with ``part()`` and ``parts()``, and defines ``rate`` and :meth:`combined_lr`. It asks
    a part with :func:`~mxcore.lr_scheduler.evaluate`, which takes arrays in any case.

    >>> import numpy as np, mxcore as mx
    >>> from mxcore.curves import Combination, parts
    >>> @mx.hyperparameters
    ... class Highest(Combination):
    ...     schedulers = parts()
    ...     def combined_lr(self):
    ...         return max(one.base_lr for one in self.schedulers)
    ...     def rate(self, t):
    ...         return self.scale * np.maximum.reduce([mx.lr_scheduler.evaluate(one, t) for one in self.schedulers])
    >>> falling = mx.lr_scheduler.create("exponential", gamma=0.5, base_lr=0.4)
    >>> steady = mx.lr_scheduler.create("constant", base_lr=0.1, factor=1)
    >>> Highest([falling, steady])(np.arange(1, 6))
    array([0.4, 0.2, 0.1, 0.1, 0.1])

    Args:
        base_lr: a learning rate in place of that of the combined schedules, which scales their rates. By default,
            theirs.
    """

    base_lr: float = hyperparameter(None, optional(non_negative))

    def __attrs_post_init__(self) -> None:
        given: float | None = vars(self)["base_lr"]
        if given is None:
            self.base_lr = self.combined_lr()
        super().__attrs_post_init__()

    def combined_lr(self) -> float:
        """Return the ``base_lr`` that follows from those of the parts."""
        raise NotImplementedError(f"{type(self).__name__} must define combined_lr()")

    def check_together(self) -> None:
        """Raise a ValueError if values contradict each other; call this in an overriding method."""
        if not math.isfinite(self.scale):
            raise ValueError(f"base_lr must be 0, as that of the schedulers that it would scale, got {self.base_lr}")

    @property
    def scale(self) -> float:
        """The factor on the rates of the parts that ``base_lr`` stands for."""
        combined = self.combined_lr()
        if self.base_lr == combined:
            return 1.0
        return self.base_lr / combined if combined else math.inf
