"""Optimizers: update weights from gradients, in place.

>>> import numpy as np, mxcore as mx
>>> weight, grad = np.ones(3), np.full(3, 0.5)
>>> updater = mx.optimizer.get_updater(mx.optimizer.create("sgd", learning_rate=0.1))
>>> updater(0, grad, weight)
>>> weight
array([0.95, 0.95, 0.95])
"""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable, Mapping, Sequence
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from mxcore import lr_scheduler as lr_schedulers
from mxcore.backend import Array, backend_of, on_device_of
from mxcore.catalogue.registry import Registry
from mxcore.controls import Controlled, loss_scales
from mxcore.declarations import hyperparameter, hyperparameters, only_element
from mxcore.gathering import get_updater
from mxcore.groups import Groups
from mxcore.kernel import Decay, Slot
from mxcore.kernel.rule.program import weakly
from mxcore.multipliers import multipliers, name_table, symbol_of
from mxcore.presenting import hand_over
from mxcore.step import Counting, Runner, Tally, traits_of
from mxcore.step.arguments import HALF, fitted, in_lists
from mxcore.step.protocol import Index as Index
from mxcore.step.protocol import Worker as Worker
from mxcore.step.states import initial, packed
from mxcore.updater import Updater
from mxcore.validators import boolean, integer, is_schedule, non_negative, one_of, optional, positive
from mxcore.watched import Version, Watched

__all__ = ["Optimizer", "Slot", "Updater", "alias", "create", "get_updater", "register"]

_TAKE_ARRAYS = ("create_state", "create_state_multi_precision", "update", "update_multi_precision", "update_all")

_MXNETS_ORDER = (
    "rescale_grad", "param_idx2name", "wd", "clip_gradient", "learning_rate", "lr_scheduler", "sym", "begin_num_update",
    "multi_precision", "param_dict",
)  # fmt: skip


def _scheduler(given: Any) -> Any:
    """Create a scheduler from its name or its ``dumps()`` string; return any other callable as it is."""
    scheduler = lr_schedulers.create(given) if isinstance(given, (str, dict)) else given
    if scheduler is not None and (not callable(scheduler) or isinstance(scheduler, Optimizer)):
        raise ValueError(f"lr_scheduler must be a scheduler, or a function of the update count, got {given!r}")
    return scheduler


@hyperparameters
class Optimizer(Controlled):
    """Base class of all optimizers. There are two ways to write one.

    *As a rule*: name the state that is kept per parameter in ``slots``, and define one function from the old arrays to
    the new ones. The base class does everything else. ``grad`` arrives rescaled, clipped and with weight decay as
    ``decay`` specifies. The rule takes what it needs as keywords: ``lr`` and ``t``, the learning rate and update count
    of this parameter, and the hyper-parameters.

    >>> import mxcore as mx
    >>> @mx.optimizer.register
    ... @mx.hyperparameters
    ... class Heavy(mx.optimizer.Optimizer):
    ...     momentum: float = mx.hyperparameter(0.9, mx.in_range(0, 1))
    ...     slots = ("velocity",)
    ...     @staticmethod
    ...     def rule(weight, grad, velocity, *, lr, momentum):
    ...         velocity = momentum * velocity - lr * grad
    ...         return weight + velocity, velocity
    >>> mx.optimizer.create("heavy", learning_rate=0.1).learning_rate
    0.1

    *As in MXNet*: override ``create_state(index, weight)`` and ``update(index, weight, grad, state)`` with array code
    that works on NumPy and CuPy arrays alike.

    A rule may also take ``raw_grad``, the gradient before rescaling and clipping; ``noise``, standard normal numbers in
    the shape of the weight, reproducible from the seed; ``num_update``; ``wd``, if ``decay`` is ``"own"``; and the keys
    of ``flags``.

    Args:
        rescale_grad: the factor on every gradient, such as 1 / batch size.
        param_idx2name: the names of the parameters by index; weight decay depends on them, see
            :meth:`~mxcore.optimizer.Optimizer.set_wd_mult`.
        wd: the weight decay.
        clip_gradient: the bound on each element of the rescaled gradient; None for no clipping.
        clip_global_norm: the bound on the norm of all rescaled gradients of a call together; they are scaled by
            min(bound / (norm + 1e-6), 1), as by torch's ``clip_grad_norm_``, before each element is clipped. Every call
            must then have all parameters.
        learning_rate: the learning rate. If given, it becomes the scheduler's ``base_lr``. By default, the scheduler's
            ``base_lr`` is used, or without a scheduler the ``default_learning_rate`` of the class.
        lr_scheduler: a :class:`~mxcore.lr_scheduler.LRScheduler`, its name or string, or a function of the count.
        sym: a symbol whose arguments carry multipliers as ``__lr_mult__`` and ``__wd_mult__``.
        begin_num_update: the initial update count of every parameter.
        multi_precision: keep a float32 master copy of each float16 or bfloat16 weight.
        groups: other settings for the parameters whose names match a pattern: a dict, by regular expression, of dicts
            with ``learning_rate``, ``lr_scheduler``, ``wd``, ``clip_gradient``, hyper-parameters of the class, or
            ``frozen``. The first pattern that matches at the start of the name counts.
        accumulate: update once for this many calls, with the mean of their gradients.
        on_nonfinite: what to do if a gradient of an update is infinite or NaN: ``"ignore"`` it, ``"skip"`` the update
            of all parameters of the call, or ``"raise"`` a FloatingPointError.
        loss_scale: a number by which the loss, and so each gradient, was multiplied, or a
            :class:`~mxcore.loss_scale.DynamicLossScale`.
        maximize: whether to go up the gradients instead of down.
        param_dict: objects with ``lr_mult`` and ``wd_mult``, by index; they override any other multiplier.

    Raises:
        ValueError: an argument is out of range.
    """

    default_learning_rate: ClassVar[float] = 0.01
    decay: ClassVar[Decay] = "after_clip"
    slots: ClassVar[Any] = ()
    """The state of a rule, as a tuple of names and :class:`~mxcore.kernel.Slot`, or a method that returns one."""
    rule: ClassVar[Callable[..., Any] | None] = None
    evaluation: ClassVar[Callable[..., Any] | None] = None
    """The weights to evaluate, as a function that takes by name what it needs of ``weight``, the slots and the
    hyper-parameters; None if they are the weights themselves. See :meth:`~mxcore.optimizer.Updater.evaluating`."""
    state_version: ClassVar[int] = 1
    """The version of what the class keeps for each parameter; increase it with every change that needs
    :meth:`~mxcore.optimizer.Optimizer.upgrade_state`."""
    elementwise: ClassVar[bool] = True
    """Whether each element of a weight is updated independently, without norms, matrices or positional noise."""
    moves_at_rate_zero: ClassVar[bool] = False
    """Whether weights change at a learning rate of 0."""
    descent: ClassVar[Mapping[str, Any]] = {"learning_rate": 0.05}
    """Arguments with which 500 steps minimise the test functions of ``mxcore.testing``."""
    trajectory: ClassVar[Sequence[float]] = ()
    """What becomes of a weight of 1, at a learning rate of 0.1, with the gradients 1, -0.5, 0.25 and 0.001, from an
    independent source."""
    conventions: ClassVar[Mapping[str, Mapping[str, Any] | str]] = {}
    """What the class is to other libraries, by ``"torch"``, ``"optax"`` or ``"keras"``; the arguments with which it is
    the optimizer of the same name there with its defaults, or how that one differs."""
    _inner: ClassVar[Any] = None

    rescale_grad: float = hyperparameter(1.0, converter=only_element, kw_only=True)
    idx2name: Watched[Index, str] = hyperparameter(
        None, alias="param_idx2name", converter=name_table, kw_only=True, repr=False
    )
    wd: float = hyperparameter(0.0, non_negative, kw_only=True)
    clip_gradient: float | None = hyperparameter(None, optional(positive), kw_only=True)
    lr: float | None = hyperparameter(None, optional(non_negative), alias="learning_rate", kw_only=True)
    lr_scheduler: Any = hyperparameter(None, converter=_scheduler, kw_only=True)
    sym_info: Any = hyperparameter(None, alias="sym", converter=symbol_of, kw_only=True, repr=False)
    begin_num_update: int = hyperparameter(0, integer(at_least=0), kw_only=True)
    multi_precision: bool = hyperparameter(False, kw_only=True)
    clip_global_norm: float | None = hyperparameter(None, optional(positive), kw_only=True)
    groups: Any = hyperparameter(None, converter=Groups, kw_only=True)
    accumulate: int = hyperparameter(1, integer(at_least=1), kw_only=True)
    on_nonfinite: str = hyperparameter("ignore", one_of("ignore", "skip", "raise"), kw_only=True)
    loss_scale: Any = hyperparameter(1.0, loss_scales, kw_only=True)
    maximize: bool = hyperparameter(False, boolean, kw_only=True)
    param_dict: Any = hyperparameter(None, converter=lambda given: given or {}, kw_only=True, repr=False)
    lr_mult: Watched[Index, float] = multipliers("lr_mult")
    wd_mult: Watched[Index, float] = multipliers("wd_mult")

    if TYPE_CHECKING:  # the constructor is generated from the hyper-parameters of each class

        def __init__(self, *args: Any, **kwargs: Any) -> None: ...

    def __init_subclass__(cls, **keywords: Any) -> None:
        super().__init_subclass__(**keywords)
        for name in ("rule", "evaluation"):
            if callable(function := vars(cls).get(name)):
                setattr(cls, name, staticmethod(weakly(function)))
        hand_over(cls, _TAKE_ARRAYS)

    def __attrs_post_init__(self) -> None:
        self._settings_version = Version()
        self._tables_version = Version()
        self.idx2name.version = self._tables_version
        self._counting = Counting(Tally(self.begin_num_update))
        self._set_runners()
        self.aggregate_num = 0
        self.set_lr_mult({})
        self.set_wd_mult({})
        super().__attrs_post_init__()
        self._settle_learning_rate()
        self._settle_groups(self.groups)
        self._check_scale(self.loss_scale, self.on_nonfinite)
        self._counting.gated = self.gated
        if any(map(is_schedule, vars(self).values())):
            self._slots_of(self)

    def _set_runners(self) -> None:
        self._runners = {(masters, inside): Runner(masters) for masters in (True, False) for inside in (True, False)}

    @property
    def _direct(self) -> Runner:  # for calls without an updater, or those of `update` to the base class within one
        return self._runners[True, self.is_prepared]

    def __getstate__(self) -> dict[str, Any]:
        """Pickle everything, but only the multipliers of MXNet's ``param_dict``: the rest belongs to the program."""
        given = {
            index: SimpleNamespace(lr_mult=one.lr_mult, wd_mult=one.wd_mult) for index, one in self.param_dict.items()
        }
        return {**vars(self), "param_dict": given}

    def _arguments(self) -> Mapping[str, Any]:
        given = super()._arguments()  # a scheduler keeps the rate as its base_lr, which may have been assigned
        return {**given, "learning_rate": None} if given.get("lr_scheduler") else given

    def _assigning(self, name: str, value: Any) -> None:
        super()._assigning(name, value)
        if name in ("loss_scale", "on_nonfinite"):
            self._check_scale(**{"loss_scale": self.loss_scale, "on_nonfinite": self.on_nonfinite, name: value})
        elif name == "groups":
            self._settle_groups(value)
        elif is_schedule(value) and name in self._declared and name != "lr_scheduler":
            self._slots_of(self._trial({name: value}))
        scheduler = vars(self).get("lr_scheduler")
        if name == "lr" and value is None and scheduler is None:
            raise ValueError(f"learning_rate must be {non_negative.requirement}, got None")
        if name == "lr_scheduler" and scheduler is not None and value is None:
            self.lr = self.learning_rate
        elif name == "lr_scheduler" and value is not None and getattr(value, "base_lr", 0) is None:
            value.base_lr = self.learning_rate
        if name == "lr_scheduler" and any("lr" in one.settings for one in self.groups.every):
            self._check_base(value)
        if self._has_counted():
            self._check_state(name, value)
            if name == "wd" and value:
                self.warn_of_names(value)

    # --- state -------------------------------------------------------------------------------------------------------

    def own_slots(self) -> tuple[Slot, ...]:
        """Return the slots of this instance, in the order in which the rule returns them."""
        declared = self.slots() if callable(self.slots) else self.slots
        return tuple(Slot.of(slot) for slot in declared)

    def state_slots(self) -> tuple[Slot, ...]:
        """Return all slots: the instance's own, followed by those of an optimizer that it wraps."""
        return self.own_slots()

    def create_state(self, index: Index, weight: Array) -> Any:
        """Create the initial state of a parameter: None, one array, or a tuple of arrays in the order of ``slots``."""
        return packed([initial(weight, slot.init) for slot in self.own_slots() if not slot.on_host])

    def create_state_multi_precision(self, index: Index, weight: Array) -> Any:
        """Create the state of a parameter: ``(master, state)`` for a half-precision weight with ``multi_precision``."""
        if self.has_master(weight):
            master = backend_of(weight).copy(weight, np.float32)
            return master, self.create_state(index, master)
        if weight.dtype.name in HALF:
            warnings.warn(
                f"{self.describe(index)} is {weight.dtype}: small updates are lost without multi_precision=True",
                UserWarning,
                stacklevel=2,
            )
        return self.create_state(index, weight)

    def upgrade_state(self, from_version: int, slots: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return the slots of a parameter by name, from those that an older ``state_version`` of the class saved.

        Override it together with an increased ``state_version``. Arrays are on the host; slots of shape ``()`` are
        numbers.

        >>> import mxcore as mx
        >>> @mx.hyperparameters
        ... class Heavy(mx.optimizer.Optimizer):
        ...     slots, state_version = ("velocity",), 2
        ...     def upgrade_state(self, from_version, slots):
        ...         return {"velocity": slots["momentum"]}  # its name in version 1
        ...     @staticmethod
        ...     def rule(weight, grad, velocity, *, lr):
        ...         velocity = 0.9 * velocity - lr * grad
        ...         return weight + velocity, velocity

        Args:
            from_version: the version that was saved.
            slots: its slots, by name.
        """
        raise ValueError(f"{type(self).__name__} does not define upgrade_state")

    def has_master(self, weight: Array) -> bool:
        """Return whether a weight is updated through a float32 master copy."""
        return bool(self.multi_precision) and weight.dtype.name in HALF

    # --- updating ----------------------------------------------------------------------------------------------------

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Raise a TypeError that says how to update weights."""
        raise TypeError(
            "an optimizer is not callable: update = mx.optimizer.get_updater(optimizer); update(index, grad, weight)"
        )

    def update(self, index: Any, weight: Any, grad: Any, state: Any) -> None:
        """Update a weight and its state in place; a class with a rule also accepts lists of all four.

        Raises:
            NotImplementedError: the class neither overrides this nor has a rule.
        """
        if type(self).rule is None:
            raise NotImplementedError(f"{type(self).__name__} must define a rule, or create_state and update")
        self._run_rule(self._runners[False, self.is_prepared], index, weight, grad, state)

    def update_multi_precision(self, index: Any, weight: Any, grad: Any, state: Any) -> None:
        """Update a weight, or each of a list, which a rule takes as a whole; a state may be ``(master, state)``."""
        is_super = self.aggregates and type(self).update_multi_precision is not Optimizer.update_multi_precision
        if type(self).rule is not None and (is_super or type(self).update is Optimizer.update):
            self._run_rule(self._direct, index, weight, grad, state)
            return
        for one in zip(*in_lists(index, weight, grad, state), strict=True):
            self._update_one(*one)

    def update_all(self, indices: list[Index], weights: list[Array], grads: list[Array], states: list[Any]) -> None:
        """Update all weights of a call of an updater at once, in place.

        Override it in a class that needs to see several parameters together. The updater calls it once per call, after
        counting the update. Instead of half-precision weights it passes their masters, and their gradients as float32.

        Args:
            indices: the parameters.
            weights: their weights.
            grads: their gradients.
            states: their states, as ``create_state`` made them.
        """
        raise NotImplementedError(f"{type(self).__name__} does not update all weights at once")

    def _update_one(self, index: Index, weight: Array, grad: Array, state: Any) -> None:
        with on_device_of(weight):
            if not self.has_master(weight):
                self.update(index, weight, grad, state)
                return
            master, inner = state
            self.update(index, master, backend_of(grad).copy(grad, np.float32), inner)
            backend_of(weight).fill(weight, master)

    @classmethod
    def runs_rule(cls) -> bool:
        """Whether an update is just the rule, because no subclass overrides ``update``."""
        return traits_of(cls).runs_rule

    def _run_rule(self, runner: Runner, index: Any, weight: Any, grad: Any, state: Any) -> None:
        if isinstance(index, (str, int)):
            indices, weights, grads, states = [index], [weight], [grad], [state]
        else:
            indices, weights, grads, states = in_lists(index, weight, grad, state)
            if not indices:
                return
        if not runner.run_again(self, self._counting.tally, indices, weights, grads, states):
            grads = list(map(fitted, weights, grads))
            runner.run(self, self._counting.tally, indices, weights, grads, states)

    def make_updater(self) -> Updater[Any]:
        """Return a new updater, for :func:`~mxcore.optimizer.get_updater`; override it if updates need more calls."""
        return Updater(self)

    def preprocessed(self, grad: Array) -> Array:
        """Return a gradient rescaled and clipped, for array code: ``grad`` itself if there is nothing to do."""
        grad = grad if self.rescale_grad == 1 else grad * self.rescale_grad
        return grad if self.clip_gradient is None else np.clip(grad, -self.clip_gradient, self.clip_gradient)

    def flags(self, name: str) -> Mapping[str, bool]:
        """Return flags that depend on a parameter's name, for rules that treat some parameters differently."""
        return {}

    def describe(self, index: Index) -> str:
        """Describe a parameter in messages."""
        return f"parameter {self.idx2name.get(index, index)!r}"

    # --- MXNet's other names -----------------------------------------------------------------------------------------

    opt_registry: ClassVar[dict[str, type[Optimizer]]] = {}

    @staticmethod
    def register(klass: Any, name: str | None = None) -> Any:
        """Make a class available by its lower-cased name; see :meth:`mxcore.catalogue.registry.Registry.register`."""
        return registry.register(klass, name)

    @staticmethod
    def create_optimizer(name: str, **kwargs: Any) -> Optimizer:
        """Create an optimizer by name; see :func:`create`."""
        return registry.create(name, **kwargs)


_declared = Optimizer.__init__


@functools.wraps(_declared)
def _by_position(self: Optimizer, *values: Any, **keywords: Any) -> None:
    """Take arguments in MXNet's order as well, as classes with a constructor of their own may pass them on."""
    _declared(self, **dict(zip(_MXNETS_ORDER, values, strict=False)), **keywords)


Optimizer.__init__ = _by_position  # type: ignore[method-assign]
registry: Registry[Optimizer] = Registry("optimizer", Optimizer)
Optimizer.opt_registry = registry.classes
register, alias, create = registry.register, registry.alias, registry.create
__getattr__, __dir__ = registry.lazily(__name__, __all__, Wrapper="mxcore.wrapper")
