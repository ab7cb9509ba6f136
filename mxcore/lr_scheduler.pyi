# Written by tools/sync.py: do not edit.

from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, Literal, TypeAlias, TypeVar, overload

import numpy as np
import numpy.typing as npt

from mxcore.curves import Combination as Combination
from mxcore.curves import Curve as Curve
from mxcore.declarations import Algorithm

__all__ = [
    "ClampScheduler",
    "Combination",
    "ConstantScheduler",
    "CosineScheduler",
    "CosineWarmRestartsScheduler",
    "Curve",
    "CyclicScheduler",
    "ExponentialScheduler",
    "FactorScheduler",
    "InverseSqrtScheduler",
    "JoinScheduler",
    "LRScheduler",
    "LambdaScheduler",
    "LinearScheduler",
    "MultiFactorScheduler",
    "OneCycleScheduler",
    "PiecewiseConstantScheduler",
    "PiecewiseInterpolateScheduler",
    "PolyScheduler",
    "ProductScheduler",
    "ReduceOnPlateau",
    "RepeatScheduler",
    "ScaleScheduler",
    "WSDScheduler",
    "WarmupScheduler",
    "alias",
    "create",
    "evaluate",
    "join",
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
    def check_lengths(self, name: str, other: str) -> None: ...
    def _assigning(self, name: str, value: Any) -> None: ...
    @classmethod
    def arguments_for(cls, updates: int) -> Mapping[str, Any]: ...
    @overload
    def __call__(self, num_update: int) -> float: ...
    @overload
    def __call__(self, num_update: npt.NDArray[Any]) -> npt.NDArray[np.float64]: ...
    def rate(self, t: Any) -> Any: ...
    @property
    def _warm_from(self) -> int: ...
    @property
    def warmup_final_lr(self) -> float: ...
    def get_warmup_lr(self, num_update: Any) -> Any: ...
    def dumps(self) -> str: ...
    def _described(self, value: Any) -> Any: ...
    def __eq__(self, other: object) -> bool: ...
    def __hash__(self) -> int: ...
    __array_ufunc__: ClassVar[None]
    def __mul__(self, other: LRScheduler | float) -> LRScheduler: ...
    __rmul__ = __mul__
    def clamp(self, low: float | None = None, high: float | None = None) -> LRScheduler: ...
    def repeat(self, period: int, times: int | None = None) -> LRScheduler: ...
    def join(self, other: LRScheduler, at: int) -> LRScheduler: ...
    def warmup(self, steps: int, begin_lr: float = 0.0) -> LRScheduler: ...
    def parts(self) -> Mapping[str, LRScheduler]: ...
    def observe(self, metric: float) -> None: ...

def join(schedulers: Sequence[LRScheduler], boundaries: Sequence[int]) -> LRScheduler: ...
def evaluate(scheduler: Callable[[int], float], updates: npt.ArrayLike) -> npt.NDArray[np.float64]: ...

_C = TypeVar("_C", bound=type)

_Schedule: TypeAlias = Callable[[int], float]

def register(cls: _C, name: str | None = None) -> _C: ...
def alias(*names: str) -> Callable[[_C], _C]: ...
@overload
def create(name: Literal["clamp"], *args: Any, **kwargs: Any) -> ClampScheduler: ...
@overload
def create(name: Literal["constant"], *args: Any, **kwargs: Any) -> ConstantScheduler: ...
@overload
def create(name: Literal["cosine"], *args: Any, **kwargs: Any) -> CosineScheduler: ...
@overload
def create(name: Literal["cosinewarmrestarts"], *args: Any, **kwargs: Any) -> CosineWarmRestartsScheduler: ...
@overload
def create(name: Literal["cyclic"], *args: Any, **kwargs: Any) -> CyclicScheduler: ...
@overload
def create(name: Literal["exponential"], *args: Any, **kwargs: Any) -> ExponentialScheduler: ...
@overload
def create(name: Literal["factor"], *args: Any, **kwargs: Any) -> FactorScheduler: ...
@overload
def create(name: Literal["inversesqrt"], *args: Any, **kwargs: Any) -> InverseSqrtScheduler: ...
@overload
def create(name: Literal["join"], *args: Any, **kwargs: Any) -> JoinScheduler: ...
@overload
def create(name: Literal["lambda"], *args: Any, **kwargs: Any) -> LambdaScheduler: ...
@overload
def create(name: Literal["linear"], *args: Any, **kwargs: Any) -> LinearScheduler: ...
@overload
def create(name: Literal["multifactor"], *args: Any, **kwargs: Any) -> MultiFactorScheduler: ...
@overload
def create(name: Literal["onecycle"], *args: Any, **kwargs: Any) -> OneCycleScheduler: ...
@overload
def create(name: Literal["piecewiseconstant"], *args: Any, **kwargs: Any) -> PiecewiseConstantScheduler: ...
@overload
def create(name: Literal["piecewiseinterpolate"], *args: Any, **kwargs: Any) -> PiecewiseInterpolateScheduler: ...
@overload
def create(name: Literal["poly"], *args: Any, **kwargs: Any) -> PolyScheduler: ...
@overload
def create(name: Literal["product"], *args: Any, **kwargs: Any) -> ProductScheduler: ...
@overload
def create(name: Literal["reduceonplateau"], *args: Any, **kwargs: Any) -> ReduceOnPlateau: ...
@overload
def create(name: Literal["repeat"], *args: Any, **kwargs: Any) -> RepeatScheduler: ...
@overload
def create(name: Literal["scale"], *args: Any, **kwargs: Any) -> ScaleScheduler: ...
@overload
def create(name: Literal["warmup"], *args: Any, **kwargs: Any) -> WarmupScheduler: ...
@overload
def create(name: Literal["wsd"], *args: Any, **kwargs: Any) -> WSDScheduler: ...
@overload
def create(*args: Any, **kwargs: Any) -> LRScheduler: ...

class ClampScheduler(Combination):
    r"""The learning rate is what another schedule gives, but not below ``low`` and not above ``high``."""

    schedule: LRScheduler
    low: float | None
    high: float | None
    def __init__(
        self, schedule: Any, low: float | None = None, high: float | None = None, base_lr: float | None = None
    ) -> None: ...

class ConstantScheduler(Curve):
    r"""The learning rate is a share of ``base_lr`` for ``total_steps`` updates, and then ``base_lr``."""

    factor: float
    total_steps: int
    def __init__(self, base_lr: float = 0.01, factor: float = 0.3333333333333333, total_steps: int = 5) -> None: ...

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

class CosineWarmRestartsScheduler(Curve):
    r"""The learning rate falls from ``base_lr`` to ``final_lr`` along half a cosine, and starts again."""

    period: int
    period_mult: int
    final_lr: float
    def __init__(self, period: int, base_lr: float = 0.01, period_mult: int = 1, final_lr: float = 0) -> None: ...

class CyclicScheduler(Curve):
    r"""The learning rate rises linearly from ``base_lr`` to ``max_lr`` and falls back, again and again."""

    max_lr: float | None
    step_size_up: int
    step_size_down: int | None
    mode: str
    gamma: float
    def __init__(
        self,
        base_lr: float = 0.01,
        max_lr: float | None = None,
        step_size_up: int = 2000,
        step_size_down: int | None = None,
        mode: str = "triangular",
        gamma: float = 1.0,
    ) -> None: ...

class ExponentialScheduler(Curve):
    r"""The learning rate is multiplied by ``gamma`` over every ``decay_steps`` updates, a little in each."""

    gamma: float
    decay_steps: float
    staircase: bool
    begin: int
    final_lr: float | None
    def __init__(
        self,
        gamma: float,
        base_lr: float = 0.01,
        decay_steps: float = 1,
        staircase: bool = False,
        begin: int = 0,
        final_lr: float | None = None,
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

class InverseSqrtScheduler(Curve):
    r"""The learning rate rises linearly, and then falls as one over the square root of the updates."""

    warmup_steps: int
    timescale: float | None
    def __init__(self, warmup_steps: int, base_lr: float = 0.01, timescale: float | None = None) -> None: ...

class JoinScheduler(Combination):
    r"""The learning rate follows schedules in turn, each from its own start."""

    schedulers: Sequence[LRScheduler]
    boundaries: Sequence[int]
    def __init__(self, schedulers: Any, boundaries: Any, base_lr: float | None = None) -> None: ...

class LambdaScheduler(Curve):
    r"""The learning rate is ``base_lr`` times what a function gives for the number of finished updates."""

    fn: Callable[[int], float]
    def __init__(self, fn: Callable[[int], float], base_lr: float = 0.01) -> None: ...

class LinearScheduler(Curve):
    r"""The learning rate changes linearly from one share of ``base_lr`` to another, and stays there."""

    total_steps: int
    start_factor: float
    end_factor: float
    def __init__(
        self, total_steps: int, base_lr: float = 0.01, start_factor: float = 0.3333333333333333, end_factor: float = 1.0
    ) -> None: ...

class MultiFactorScheduler(LRScheduler):
    r"""The learning rate is multiplied by ``factor`` after each of the updates in ``step``."""

    step: Sequence[int]
    factor: float | Sequence[float]
    def __init__(
        self,
        step: Any,
        factor: Any = 1,
        base_lr: float = 0.01,
        warmup_steps: int = 0,
        warmup_begin_lr: float = 0,
        warmup_mode: str = "linear",
    ) -> None: ...

class OneCycleScheduler(Curve):
    r"""The learning rate rises to ``max_lr`` and falls far below where it started, over a run of known length."""

    total_steps: int
    pct_start: float
    anneal: str
    div_factor: float
    final_div_factor: float
    three_phase: bool
    def __init__(
        self,
        total_steps: int,
        max_lr: float = 0.01,
        pct_start: float = 0.3,
        anneal: str = "cos",
        div_factor: float = 25.0,
        final_div_factor: float = 10000.0,
        three_phase: bool = False,
    ) -> None: ...

class PiecewiseConstantScheduler(Curve):
    r"""The learning rate is multiplied by one of ``scales`` after each of ``boundaries`` updates."""

    boundaries: Sequence[int]
    scales: Sequence[float]
    def __init__(self, boundaries: Any, scales: Any, base_lr: float = 0.01) -> None: ...

class PiecewiseInterpolateScheduler(Curve):
    r"""The learning rate moves from one value to the next, along lines or half cosines, and stays at the last."""

    boundaries: Sequence[int]
    scales: Sequence[float]
    interpolate: str
    def __init__(self, boundaries: Any, scales: Any, base_lr: float = 0.01, interpolate: str = "linear") -> None: ...

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

class ProductScheduler(Combination):
    r"""The learning rate is the product of the rates of other schedules."""

    schedulers: Sequence[LRScheduler]
    def __init__(self, schedulers: Any, base_lr: float | None = None) -> None: ...

class ReduceOnPlateau(Curve):
    r"""The learning rate is multiplied by ``factor`` when a metric has not improved for some time."""

    mode: str
    factor: float
    patience: int
    threshold: float
    threshold_mode: str
    cooldown: int
    min_lr: float
    epsilon: float
    def __init__(
        self,
        base_lr: float = 0.01,
        mode: str = "min",
        factor: float = 0.1,
        patience: int = 10,
        threshold: float = 0.0001,
        threshold_mode: str = "rel",
        cooldown: int = 0,
        min_lr: float = 0.0,
        epsilon: float = 1e-08,
    ) -> None: ...

class RepeatScheduler(Combination):
    r"""The learning rate follows another schedule, which starts again after every ``period`` updates."""

    schedule: LRScheduler
    period: int
    times: int | None
    def __init__(self, schedule: Any, period: int, times: int | None = None, base_lr: float | None = None) -> None: ...

class ScaleScheduler(Combination):
    r"""The learning rate is a multiple of what another schedule gives."""

    schedule: LRScheduler
    factor: float
    def __init__(self, schedule: Any, factor: float, base_lr: float | None = None) -> None: ...

class WarmupScheduler(Combination):
    r"""The learning rate rises linearly to where another schedule starts, and then follows that schedule."""

    after: LRScheduler
    warmup_steps: int
    warmup_begin_lr: float
    def __init__(
        self, after: Any, warmup_steps: int, warmup_begin_lr: float = 0.0, base_lr: float | None = None
    ) -> None: ...

class WSDScheduler(Curve):
    r"""Warm-up, stable, decay: the learning rate rises, stays for most of the run, and falls at its end."""

    stable_steps: int
    decay_steps: int
    warmup_steps: int
    warmup_type: str
    decay_type: str
    final_ratio: float
    def __init__(
        self,
        stable_steps: int,
        decay_steps: int,
        base_lr: float = 0.01,
        warmup_steps: int = 0,
        warmup_type: str = "linear",
        decay_type: str = "cosine",
        final_ratio: float = 0.0,
    ) -> None: ...
