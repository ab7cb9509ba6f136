"""What a step asks of an optimizer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from mxcore.backend import Array
from mxcore.kernel import Decay, Slot
from mxcore.watched import Version, Watched

__all__ = ["Stepped"]


class Stepped(Protocol):
    """An optimizer with a rule, as a step sees it: see :class:`mxcore.optimizer.Optimizer`."""

    lr: float | None
    lr_scheduler: Any
    wd: float
    rescale_grad: float
    clip_gradient: float | None
    begin_num_update: int
    num_update: int
    idx2name: Watched[Any, str]
    lr_mult: Watched[Any, float]
    wd_mult: Watched[Any, float]
    param_dict: Mapping[Any, Any]
    _settings_version: Version
    _tables_version: Version

    @property
    def decay(self) -> Decay:
        """Where weight decay enters."""

    def state_slots(self) -> tuple[Slot, ...]:
        """The slots of the rule."""

    def flags(self, name: str) -> Mapping[str, bool]:
        """What the rule is told of a parameter of that name."""

    def has_master(self, weight: Array) -> bool:
        """Whether a weight is updated through a float32 copy."""

    def describe(self, index: Any) -> str:
        """A parameter, for messages."""

    def multiplier(self, index: Any, table: Mapping[Any, float], attribute: str) -> float:
        """The multiplier of a parameter."""

    def _update_count(self, index: Any) -> None: ...
    def _get_lr(self, index: Any) -> float: ...
    def _get_wd(self, index: Any) -> float: ...
