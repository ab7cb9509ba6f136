# Written by tools/sync.py: do not edit.

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, TypeAlias, TypeVar, overload

import numpy as np
import numpy.typing as npt

from mxcore.declarations import Algorithm

__all__ = [
    "CosineScheduler",
    "FactorScheduler",
    "LRScheduler",
    "MultiFactorScheduler",
    "PolyScheduler",
    "alias",
    "create",
    "evaluate",
    "register",
]

class LRScheduler(Algorithm):
    base_lr: float
    warmup_steps: int
    warmup_begin_lr: float
    warmup_mode: str
    def __init__(
        self, base_lr: float = 0.01, warmup_steps: int = 0, warmup_begin_lr: float = 0, warmup_mode: str = "linear"
    ) -> None: ...
    def check_together(self) -> None: ...
    def check_order(self, name: str) -> None: ...
    def _assigning(self, name: str, value: Any) -> None: ...
    @classmethod
    def arguments_for(cls, updates: int) -> Mapping[str, Any]: ...
    @overload
    def __call__(self, num_update: int) -> float: ...
    @overload
    def __call__(self, num_update: npt.NDArray[Any]) -> npt.NDArray[np.float64]: ...
    def rate(self, t: Any) -> Any: ...
    @property
    def warmup_final_lr(self) -> float: ...
    def get_warmup_lr(self, num_update: Any) -> Any: ...
    def dumps(self) -> str: ...

def evaluate(scheduler: Callable[[int], float], updates: npt.ArrayLike) -> npt.NDArray[np.float64]: ...

_C = TypeVar("_C", bound=type)

_Schedule: TypeAlias = Callable[[int], float]

def register(cls: _C, name: str | None = None) -> _C: ...
def alias(*names: str) -> Callable[[_C], _C]: ...
@overload
def create(name: Literal["cosine"], *args: Any, **kwargs: Any) -> CosineScheduler: ...
@overload
def create(name: Literal["factor"], *args: Any, **kwargs: Any) -> FactorScheduler: ...
@overload
def create(name: Literal["multifactor"], *args: Any, **kwargs: Any) -> MultiFactorScheduler: ...
@overload
def create(name: Literal["poly"], *args: Any, **kwargs: Any) -> PolyScheduler: ...
@overload
def create(*args: Any, **kwargs: Any) -> LRScheduler: ...

class CosineScheduler(LRScheduler):
    r"""The learning rate falls from ``base_lr`` to ``final_lr`` along half a period of a cosine, and stays there."""

    max_update: int
    final_lr: float
    def __init__(
        self,
        max_update: int,
        base_lr: float = 0.01,
        final_lr: float = 0,
        warmup_steps: int = 0,
        warmup_begin_lr: float = 0,
        warmup_mode: str = "linear",
    ) -> None: ...

class FactorScheduler(LRScheduler):
    r"""The learning rate is multiplied by ``factor`` every ``step`` updates."""

    step: float
    factor: float
    stop_factor_lr: float
    def __init__(
        self,
        step: float,
        factor: float = 1,
        stop_factor_lr: float = 1e-08,
        base_lr: float = 0.01,
        warmup_steps: int = 0,
        warmup_begin_lr: float = 0,
        warmup_mode: str = "linear",
    ) -> None: ...

class MultiFactorScheduler(LRScheduler):
    r"""The learning rate is multiplied by ``factor`` after each of the updates in ``step``."""

    step: Sequence[int]
    factor: float
    def __init__(
        self,
        step: Any,
        factor: float = 1,
        base_lr: float = 0.01,
        warmup_steps: int = 0,
        warmup_begin_lr: float = 0,
        warmup_mode: str = "linear",
    ) -> None: ...

class PolyScheduler(LRScheduler):
    r"""The learning rate falls from ``base_lr`` to ``final_lr`` as a power of the remaining updates, and stays there."""

    max_update: int
    pwr: float
    final_lr: float
    def __init__(
        self,
        max_update: int,
        base_lr: float = 0.01,
        pwr: float = 2,
        final_lr: float = 0,
        warmup_steps: int = 0,
        warmup_begin_lr: float = 0,
        warmup_mode: str = "linear",
    ) -> None: ...
