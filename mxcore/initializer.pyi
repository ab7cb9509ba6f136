# Written by tools/sync.py: do not edit.

from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, Literal, TypeAlias, TypeVar, overload

import numpy.typing as npt

from mxcore import random
from mxcore.backend import Array
from mxcore.declarations import Algorithm
from mxcore.fans import FanInitializer as FanInitializer
from mxcore.fans import gain as gain

__all__ = [
    "Bilinear",
    "Constant",
    "DeltaOrthogonal",
    "Dirac",
    "FanInitializer",
    "FusedRNN",
    "Identity",
    "InitDesc",
    "Initializer",
    "KaimingNormal",
    "KaimingUniform",
    "LSTMBias",
    "LeCunNormal",
    "LeCunUniform",
    "Load",
    "MSRAPrelu",
    "Mixed",
    "Normal",
    "One",
    "Orthogonal",
    "Sparse",
    "TextOfFile",
    "TruncatedNormal",
    "Uniform",
    "VarianceScaling",
    "Xavier",
    "XavierNormal",
    "XavierUniform",
    "Zero",
    "alias",
    "create",
    "gain",
    "is_from_file",
    "register",
]

class TextOfFile(str): ...

def is_from_file() -> bool: ...

class InitDesc(str):
    attrs: dict[str, str]
    global_init: Initializer | None
    def __new__(
        cls, name: str, attrs: Mapping[str, str] | None = None, global_init: Initializer | None = None
    ) -> InitDesc: ...

class Initializer(Algorithm):
    def moments(self, shape: tuple[int, ...]) -> tuple[float, float] | None: ...
    _verbose: bool
    _print_func: Callable[[Array], str] | None
    def __init__(self, **kwargs: Any) -> None: ...
    @property
    def _kwargs(self) -> Any: ...
    @_kwargs.setter
    def _kwargs(self, kwargs: Mapping[str, Any]) -> None: ...
    def __init_subclass__(cls, **keywords: Any) -> None: ...
    def __call__(self, desc: str, array: Array) -> None: ...
    def _fill(self, desc: str, array: Array) -> None: ...
    def _dispatch(self, desc: str, array: Array) -> None: ...
    def values(self, desc: str, shape: tuple[int, ...], rng: random.Generator) -> npt.ArrayLike: ...
    def _init_weight(self, desc: str, array: Array) -> None: ...
    def _init_zero(self, desc: str, array: Array) -> None: ...
    def _init_one(self, desc: str, array: Array) -> None: ...
    _init_bias = _init_zero
    _init_beta = _init_zero
    _init_gamma = _init_one
    def _init_quantized_weight(self, desc: str, array: Array) -> None: ...
    def _init_bilinear(self, desc: str, array: Array) -> None: ...
    def _init_loc(self, desc: str, array: Array) -> None: ...
    def _init_loc_bias(self, desc: str, array: Array) -> None: ...
    def _init_default(self, desc: str, array: Array) -> None: ...
    def set_verbosity(self, verbose: bool = False, print_func: Callable[[Array], str] | None = None) -> Initializer: ...
    def dumps(self) -> str: ...
    def _arguments(self) -> Mapping[str, Any]: ...
    def __eq__(self, other: object) -> bool: ...
    __hash__: ClassVar[None]  # type: ignore[assignment]

_C = TypeVar("_C", bound=type)

_Schedule: TypeAlias = Callable[[int], float]

def register(cls: _C, name: str | None = None) -> _C: ...
def alias(*names: str) -> Callable[[_C], _C]: ...
@overload
def create(name: Literal["bilinear"], *args: Any, **kwargs: Any) -> Bilinear: ...
@overload
def create(name: Literal["constant"], *args: Any, **kwargs: Any) -> Constant: ...
@overload
def create(name: Literal["delta_orthogonal", "deltaorthogonal"], *args: Any, **kwargs: Any) -> DeltaOrthogonal: ...
@overload
def create(name: Literal["dirac"], *args: Any, **kwargs: Any) -> Dirac: ...
@overload
def create(name: Literal["eye", "identity"], *args: Any, **kwargs: Any) -> Identity: ...
@overload
def create(name: Literal["fusedrnn"], *args: Any, **kwargs: Any) -> FusedRNN: ...
@overload
def create(name: Literal["glorot", "xavier"], *args: Any, **kwargs: Any) -> Xavier: ...
@overload
def create(
    name: Literal["glorot_normal", "xavier_normal", "xaviernormal"], *args: Any, **kwargs: Any
) -> XavierNormal: ...
@overload
def create(
    name: Literal["glorot_uniform", "xavier_uniform", "xavieruniform"], *args: Any, **kwargs: Any
) -> XavierUniform: ...
@overload
def create(
    name: Literal["he_normal", "kaiming_normal", "kaimingnormal"], *args: Any, **kwargs: Any
) -> KaimingNormal: ...
@overload
def create(
    name: Literal["he_uniform", "kaiming_uniform", "kaiminguniform"], *args: Any, **kwargs: Any
) -> KaimingUniform: ...
@overload
def create(name: Literal["lecun_normal", "lecunnormal"], *args: Any, **kwargs: Any) -> LeCunNormal: ...
@overload
def create(name: Literal["lecun_uniform", "lecununiform"], *args: Any, **kwargs: Any) -> LeCunUniform: ...
@overload
def create(name: Literal["load"], *args: Any, **kwargs: Any) -> Load: ...
@overload
def create(name: Literal["lstmbias"], *args: Any, **kwargs: Any) -> LSTMBias: ...
@overload
def create(name: Literal["mixed"], *args: Any, **kwargs: Any) -> Mixed: ...
@overload
def create(name: Literal["msraprelu"], *args: Any, **kwargs: Any) -> MSRAPrelu: ...
@overload
def create(name: Literal["normal"], *args: Any, **kwargs: Any) -> Normal: ...
@overload
def create(name: Literal["one", "ones"], *args: Any, **kwargs: Any) -> One: ...
@overload
def create(name: Literal["orthogonal"], *args: Any, **kwargs: Any) -> Orthogonal: ...
@overload
def create(name: Literal["sparse"], *args: Any, **kwargs: Any) -> Sparse: ...
@overload
def create(
    name: Literal["trunc_normal", "truncated_normal", "truncatednormal"], *args: Any, **kwargs: Any
) -> TruncatedNormal: ...
@overload
def create(name: Literal["uniform"], *args: Any, **kwargs: Any) -> Uniform: ...
@overload
def create(name: Literal["variance_scaling", "variancescaling"], *args: Any, **kwargs: Any) -> VarianceScaling: ...
@overload
def create(name: Literal["zero", "zeros"], *args: Any, **kwargs: Any) -> Zero: ...
@overload
def create(*args: Any, **kwargs: Any) -> Initializer: ...

class Bilinear(Initializer):
    r"""The kernel with which a transposed convolution interpolates linearly."""
    def __init__(self) -> None: ...

class Constant(Initializer):
    r"""Sets every weight to ``value``."""

    value: Any
    def __init__(self, value: Any) -> None: ...

class DeltaOrthogonal(Initializer):
    r"""Kernels that are an orthogonal matrix in the middle and 0 elsewhere, so that a convolution keeps lengths."""

    scale: float
    def __init__(self, scale: float = 1.0) -> None: ...

class Dirac(Initializer):
    r"""Kernels that are 1 in the middle: a convolution hands as many channels on as possible."""

    groups: int
    def __init__(self, groups: int = 1) -> None: ...

class Identity(Initializer):
    r"""A matrix with the same number on its diagonal, and 0 elsewhere: the layer hands its input on."""

    gain: float
    def __init__(self, gain: float = 1.0) -> None: ...

class FusedRNN(Initializer):
    r"""Initialises the packed parameter vector of a recurrent network, each piece by its own name."""

    init: Initializer | None
    num_hidden: int
    num_layers: int
    mode: str
    bidirectional: bool
    forget_bias: float
    def __init__(
        self,
        init: Any,
        num_hidden: int,
        num_layers: int,
        mode: str,
        bidirectional: bool = False,
        forget_bias: float = 1.0,
    ) -> None: ...

class Xavier(FanInitializer):
    r"""Weights whose scale keeps the variance of signals constant from layer to layer."""

    rnd_type: str
    factor_type: str
    magnitude: float
    def __init__(
        self,
        rnd_type: str = "uniform",
        factor_type: str = "avg",
        magnitude: float = 3,
        *,
        transposed: bool = False,
        groups: int = 1,
        axes: Any = None,
    ) -> None: ...

class XavierNormal(FanInitializer):
    r"""Normal weights whose scale keeps the variance of signals constant from layer to layer."""

    gain: float
    def __init__(self, gain: float = 1.0, *, transposed: bool = False, groups: int = 1, axes: Any = None) -> None: ...

class XavierUniform(FanInitializer):
    r"""Uniform weights whose scale keeps the variance of signals constant from layer to layer."""

    gain: float
    def __init__(self, gain: float = 1.0, *, transposed: bool = False, groups: int = 1, axes: Any = None) -> None: ...

class KaimingNormal(FanInitializer):
    r"""Normal weights whose scale keeps the variance of signals constant through layers of ReLUs."""

    mode: str
    nonlinearity: str
    negative_slope: float
    def __init__(
        self,
        mode: str = "fan_in",
        nonlinearity: str = "leaky_relu",
        negative_slope: float = 0.0,
        *,
        transposed: bool = False,
        groups: int = 1,
        axes: Any = None,
    ) -> None: ...

class KaimingUniform(FanInitializer):
    r"""Uniform weights whose scale keeps the variance of signals constant through layers of ReLUs."""

    mode: str
    nonlinearity: str
    negative_slope: float
    def __init__(
        self,
        mode: str = "fan_in",
        nonlinearity: str = "leaky_relu",
        negative_slope: float = 0.0,
        *,
        transposed: bool = False,
        groups: int = 1,
        axes: Any = None,
    ) -> None: ...

class LeCunNormal(FanInitializer):
    r"""Truncated normal weights that keep the variance of signals constant where units are nearly linear, or SELUs."""
    def __init__(self, *, transposed: bool = False, groups: int = 1, axes: Any = None) -> None: ...

class LeCunUniform(FanInitializer):
    r"""Uniform weights that keep the variance of signals constant where units are nearly linear, or SELUs."""
    def __init__(self, *, transposed: bool = False, groups: int = 1, axes: Any = None) -> None: ...

class Load(Initializer):
    r"""Initialises parameters with the arrays saved under their names, and all others with ``default_init``."""

    param: Any
    default_init: Initializer | None
    verbose: bool
    def __init__(self, param: Any, default_init: Any = None, verbose: bool = False) -> None: ...

class LSTMBias(Initializer):
    r"""Sets the biases of an LSTM to 0, except those of the forget gate, so that cells remember from the start."""

    forget_bias: float
    def __init__(self, forget_bias: float = 1.0) -> None: ...

class Mixed(Initializer):
    r"""Initialises each parameter with the first initializer whose pattern matches the parameter's name."""

    patterns: Sequence[str]
    initializers: Sequence[Initializer]
    def __init__(self, patterns: Sequence[str], initializers: Any) -> None: ...

class MSRAPrelu(FanInitializer):
    r"""Weights whose scale keeps the variance of signals constant through layers of (parametric) ReLUs."""

    factor_type: str
    slope: float
    def __init__(
        self,
        factor_type: str = "avg",
        slope: float = 0.25,
        *,
        transposed: bool = False,
        groups: int = 1,
        axes: Any = None,
    ) -> None: ...

class Normal(Initializer):
    r"""Weights drawn from a normal distribution."""

    sigma: float
    mean: float
    def __init__(self, sigma: float = 0.01, *, mean: float = 0.0) -> None: ...

class One(Initializer):
    r"""Sets every weight to 1. As always, biases are 0 and gammas 1."""
    def __init__(self) -> None: ...

class Orthogonal(Initializer):
    r"""Weights that keep lengths and angles: a matrix with orthogonal rows or columns, whichever are fewer."""

    scale: float
    rand_type: str
    def __init__(self, scale: float = 1.414, rand_type: str = "uniform") -> None: ...

class Sparse(Initializer):
    r"""Normal weights, of which the same number in each column is replaced by 0."""

    sparsity: float
    sigma: float
    def __init__(self, sparsity: float, sigma: float = 0.01) -> None: ...

class TruncatedNormal(Initializer):
    r"""Weights drawn from a normal distribution between two bounds."""

    mean: float
    sigma: float
    low: float | None
    high: float | None
    def __init__(
        self, mean: float = 0.0, sigma: float = 0.01, low: float | None = None, high: float | None = None
    ) -> None: ...

class Uniform(Initializer):
    r"""Weights drawn from a uniform distribution."""

    scale: float
    low: float | None
    high: float | None
    def __init__(self, scale: float = 0.07, *, low: float | None = None, high: float | None = None) -> None: ...

class VarianceScaling(FanInitializer):
    r"""Weights whose variance is inversely proportional to a fan of their layer."""

    scale: float
    mode: str
    distribution: str
    def __init__(
        self,
        scale: float = 1.0,
        mode: str = "fan_in",
        distribution: str = "truncated_normal",
        *,
        transposed: bool = False,
        groups: int = 1,
        axes: Any = None,
    ) -> None: ...

class Zero(Initializer):
    r"""Sets every weight to 0. As always, biases are 0 and gammas 1."""
    def __init__(self) -> None: ...
