"""Protocols: what a step needs of an optimizer, an updater of an optimizer, and other code of an updater."""

from __future__ import annotations

from collections.abc import Callable, Mapping, MutableMapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, ClassVar, Protocol, TypeAlias

from mxcore.backend import Array
from mxcore.kernel import Decay, Slot
from mxcore.step.counts import Index as Index
from mxcore.step.counts import Tally
from mxcore.step.states import Arrays
from mxcore.watched import Version, Watched

Worker: TypeAlias = int | str
"""What identifies one of several workers that compute gradients."""
Kept: TypeAlias = dict[Worker, Any]
"""The state of a parameter for each worker."""


class Group(Protocol):
    """The settings of some parameters: see :class:`mxcore.groups.Group`."""

    @property
    def settings(self) -> Mapping[str, Any]:
        """What differs from the optimizer's settings, by attribute."""

    @property
    def frozen(self) -> bool:
        """Whether they are not updated."""

    def rate(self, optimizer: Any, update: int, ask: Callable[[Any, int], float]) -> float:
        """Return their learning rate for an update, before multipliers."""


class Groups(Protocol):
    """The groups of an optimizer: see :class:`mxcore.groups.Groups`."""

    freeze: bool

    @property
    def every(self) -> Sequence[Group]:
        """The settings of parameters in no group, and those of each group."""

    @property
    def by_pattern(self) -> Mapping[str, Mapping[str, Any]]:
        """The settings of each group."""

    def number_of(self, name: str) -> int:
        """Return the number of the group that a parameter is in, or 0."""

    def of(self, optimizer: Any, index: Index) -> Group:
        """Return the group of a parameter."""


class Stepped(Protocol):
    """An optimizer with a rule, as a step sees it: see :class:`mxcore.optimizer.Optimizer`."""

    lr: float | None
    lr_scheduler: Any
    wd: float
    rescale_grad: float
    clip_gradient: float | None
    clip_global_norm: float | None
    is_prepared: bool
    begin_num_update: int
    num_update: int
    idx2name: Watched[Any, str]
    lr_mult: Watched[Any, float]
    wd_mult: Watched[Any, float]
    param_dict: Mapping[Any, Any]
    _settings_version: Version
    _tables_version: Version

    @property
    def groups(self) -> Groups:
        """The groups of its parameters."""

    @property
    def unscale(self) -> float:
        """The factor by which gradients are multiplied first."""

    def rate_of(self, index: Any, update: int, ask: Callable[[Any, int], float]) -> float:
        """Return the learning rate of a parameter in an update."""

    def decay_of(self, index: Any, update: int) -> float:
        """Return the weight decay of a parameter in an update."""

    @property
    def _inner(self) -> Updatable | None:
        """The optimizer that it wraps."""

    @property
    def decay(self) -> Decay:
        """Where weight decay enters."""

    def own_slots(self) -> tuple[Slot, ...]:
        """The slots of the rule, without those of one that it calls."""

    def state_slots(self) -> tuple[Slot, ...]:
        """All slots."""

    def flags(self, name: str) -> Mapping[str, bool]:
        """Return the flags that the rule receives for a parameter of that name."""

    def has_master(self, weight: Array) -> bool:
        """Return whether a weight is updated through a float32 copy."""

    def describe(self, index: Any) -> str:
        """A parameter, for messages."""

    def multiplier(self, index: Any, table: Mapping[Any, float], attribute: str) -> float:
        """Return the multiplier of a parameter."""

    @property
    def _index_update_count(self) -> MutableMapping[Index, int]: ...
    def _update_count(self, index: Any) -> None: ...
    def _get_lr(self, index: Any) -> float: ...
    def _get_wd(self, index: Any) -> float: ...


class Updatable(Stepped, Protocol):
    """Any optimizer, as an updater and a saved state see it: see :class:`mxcore.optimizer.Optimizer`."""

    slots: ClassVar[Any]
    rule: ClassVar[Any]
    takes_lists: ClassVar[bool]
    aggregates: ClassVar[bool]
    state_version: ClassVar[int]
    sym_info: Any
    multi_precision: bool
    accumulate: int
    on_nonfinite: str
    loss_scale: Any
    aggregate_num: int
    host_numbers: Any

    @property
    def model_numbers(self) -> dict[str, float]:
        """The numbers that the rule keeps once for all parameters."""

    @property
    def learning_rate(self) -> float:
        """The current learning rate, before multipliers."""

    @property
    def _all_index_update_counts(self) -> dict[int, MutableMapping[Index, int]]: ...

    def set_learning_rate(self, lr: float) -> None:
        """Set the learning rate."""

    def optimizer_of(self, index: Any, weight: Any = None) -> Any:
        """Return the optimizer that updates a parameter."""

    def taking_prepared(self) -> AbstractContextManager[None]:
        """Take gradients as they are in the block."""

    def warn_of_names(self) -> None:
        """Warn if names do not tell which parameters decay."""

    def _assigned(self, name: str) -> None:
        """Follow the assignment of a declared attribute."""

    def upgrade_state(self, from_version: int, slots: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return the slots of this version of the class from those that an older version saved."""

    def warn_of_groups(self, indices: Any) -> None:
        """Warn about groups that have none of these parameters."""

    def create_state_multi_precision(self, index: Index, weight: Array) -> Any:
        """Create the initial state of a parameter."""

    def update(self, index: Any, weight: Any, grad: Any, state: Any) -> None:
        """Update a weight and its state in place."""

    def update_multi_precision(self, index: Any, weight: Any, grad: Any, state: Any) -> None:
        """Update a weight and its state, or lists of them, in place."""

    def update_all(self, indices: list[Index], weights: list[Array], grads: list[Array], states: list[Any]) -> None:
        """Update all weights of a call at once."""

    def update_again(self, indices: list[Any], weights: Arrays, grads: Arrays, states: Any) -> bool:
        """Make a call like an earlier one, if this is one."""


class Accumulated(Protocol):
    """Gradients of calls since the last update: see :class:`mxcore.accumulation.Accumulation`."""

    sums: dict[Index, Array]

    @property
    def open(self) -> list[Index]:
        """The parameters with gradients."""

    def calls(self, index: Index) -> int:
        """Return how many gradients a parameter's sum has."""

    def is_complete(self, index: Index) -> bool:
        """Return whether an update is due."""

    def restore(self, sums: dict[Index, tuple[int, bool, Array]]) -> None:
        """Take over the sums of a saved run."""


class Gate(Protocol):
    """What decides about updates: see :class:`mxcore.gate.Gate`."""

    skipped: int

    @property
    def accumulation(self) -> Accumulated:
        """The accumulated gradients."""


class Run(Protocol):
    """An updater, as hooks and saved states see it: see :class:`mxcore.updater.Updater`."""

    lock: Any
    tally: Tally
    states: Any
    states_synced: dict[Index, bool]
    worker_states: dict[Index, Kept]
    is_evaluating: bool

    @property
    def gate(self) -> Gate:
        """What decides about updates."""

    def check_not_evaluating(self, what: str) -> None:
        """Check that evaluation weights are not in place."""

    def check_between_steps(self, what: str) -> None:
        """Check that no gradients are waiting for others of the same step."""

    @property
    def optimizer(self) -> Updatable:
        """The optimizer."""

    @optimizer.setter
    def optimizer(self, optimizer: Any) -> None: ...
