"""Operators that make arrays from options alone, or from no more than the shape of their input."""

# ruff: noqa: D102  # the methods are those of Operator, and the class's docstring says what they compute

from __future__ import annotations

import math

import attrs

from mxcore import boolean, hyperparameter, integer, number, one_of, optional
from mxcore.backend import Array
from mxcore_module.operators.base import Inferred, Operator, Run, Shape, ShapeError, register
from mxcore_module.operators.structure import any_integer
from mxcore_module.operators.windows import sizes

__all__ = ["Arange", "Cast", "Eye", "Full", "Linspace"]

_dtype = one_of("float16", "float32", "float64", "int32", "int64", "int8", "uint8")


@attrs.frozen
class _Made(Operator):
    """The base class of operators without inputs."""

    inputs = ()

    def can_infer(self, shapes: tuple[Shape | None, ...]) -> bool:
        return True

    def made_shape(self) -> Shape:
        raise NotImplementedError

    def infer_shape(self, *_: Shape) -> Inferred:
        return (), self.made_shape()

    def backward(self, run: Run, grad: Array, *arrays: Array) -> tuple[Array | None, ...]:
        return ()


@attrs.frozen
class _Constant(_Made):
    """The base class of these three. A 0 in the shape is a size that follows from what the array is used with."""

    shape: tuple[int, ...] = hyperparameter(sizes)
    dtype: str = hyperparameter("float32", _dtype)

    def made_shape(self) -> Shape:
        return self.shape

    def settled(self, run: Run) -> Shape:
        """Return the shape, with sizes in place of 0 that follow from what the array is used with.

        Raises:
            ShapeError: they do not.
        """
        shape = run.shape or self.shape
        if 0 in shape:
            raise ShapeError(f"the shape {shape} has sizes that do not follow from what it is used with")
        return shape


@register(name="_zeros")
@attrs.frozen
class Zeros(_Constant):
    """An array of zeros.

    Example:
        >>> import mxcore as mx
        >>> mx.symbol.zeros((2, 3)).infer_shape()[1]
        [(2, 3)]
    """

    def forward(self, run: Run) -> Array:
        return run.xp.zeros(self.settled(run), self.dtype)


@register(name="_ones")
@attrs.frozen
class Ones(_Constant):
    """An array of ones.

    Example:
        >>> import mxcore as mx
        >>> mx.symbol.ones((2, 3)).infer_shape()[1]
        [(2, 3)]
    """

    def forward(self, run: Run) -> Array:
        return run.xp.ones(self.settled(run), self.dtype)


@register(name="_full")
@attrs.frozen
class Full(_Constant):
    """An array of one number.

    Example:
        >>> import mxcore as mx
        >>> mx.symbol.full((2, 3), 5).infer_shape()[1]
        [(2, 3)]
    """

    value: float = hyperparameter(number, kw_only=True)

    def forward(self, run: Run) -> Array:
        return run.xp.full(self.settled(run), self.value, self.dtype)


@register(name="_arange")
@attrs.frozen
class Arange(_Made):
    """Numbers at equal distances, each ``repeat`` times.

    Example:
        >>> import mxcore as mx
        >>> mx.symbol.arange(4).infer_shape()[1]
        [(4,)]
    """

    start: float = hyperparameter(number)
    stop: float | None = hyperparameter(None, optional(number))
    step: float = hyperparameter(1.0, number)
    repeat: int = hyperparameter(1, integer(at_least=1))
    infer_range: bool = hyperparameter(False, boolean)
    dtype: str = hyperparameter("float32", _dtype)

    def _bounds(self) -> tuple[float, float]:
        return (0, self.start) if self.stop is None else (self.start, self.stop)

    def made_shape(self) -> Shape:
        start, stop = self._bounds()
        return (max(math.ceil((stop - start) / self.step), 0) * self.repeat,)

    def forward(self, run: Run) -> Array:
        count = self.made_shape()[0] // self.repeat
        numbers = self._bounds()[0] + self.step * run.xp.arange(count, dtype="float64")
        return run.xp.repeat(numbers, self.repeat).astype(self.dtype)


@register(name="_linspace")
@attrs.frozen
class Linspace(_Made):
    """``num`` numbers at equal distances.

    Example:
        >>> import mxcore as mx
        >>> mx.symbol.linspace(0, 1, 5).infer_shape()[1]
        [(5,)]
    """

    start: float = hyperparameter(number)
    stop: float = hyperparameter(number)
    num: int = hyperparameter(integer(at_least=0))
    endpoint: bool = hyperparameter(True, boolean)
    dtype: str = hyperparameter("float32", _dtype)

    def made_shape(self) -> Shape:
        return (self.num,)

    def forward(self, run: Run) -> Array:
        return run.xp.linspace(self.start, self.stop, self.num, endpoint=self.endpoint).astype(self.dtype)


@register(name="_eye")
@attrs.frozen
class Eye(_Made):
    """A matrix with ones on a diagonal.

    Example:
        >>> import mxcore as mx
        >>> mx.symbol.eye(3).infer_shape()[1]
        [(3, 3)]
    """

    N: int = hyperparameter(integer(at_least=1))
    M: int = hyperparameter(0, integer(at_least=0))
    k: int = hyperparameter(0, any_integer)
    dtype: str = hyperparameter("float32", _dtype)

    def made_shape(self) -> Shape:
        return self.N, self.M or self.N

    def forward(self, run: Run) -> Array:
        return run.xp.eye(*self.made_shape(), k=self.k, dtype=self.dtype)


@register("cast")
@attrs.frozen
class Cast(Operator):
    """The same values in another dtype.

    Args:
        data: of any shape.
        dtype: the dtype.

    Returns:
        The values; the gradient has the dtype of ``data``.

    Example:
        >>> import mxcore as mx
        >>> x = mx.symbol.Variable("x")
        >>> mx.symbol.Cast(x, dtype="float16").infer_shape(x=(2, 3))[1]
        [(2, 3)]
    """

    dtype: str = hyperparameter(_dtype)

    def infer_shape(self, data: Shape) -> Inferred:
        return (data,), data

    def forward(self, run: Run, data: Array) -> Array:
        return data.astype(self.dtype)

    def backward(self, run: Run, grad: Array, data: Array) -> tuple[Array | None, ...]:
        return (grad.astype(data.dtype),)


@attrs.frozen
class _Facts(Operator):
    """The base class of operators that return numbers about the shape, without a gradient."""

    def backward(self, run: Run, grad: Array, data: Array) -> tuple[Array | None, ...]:
        return (None,)


@register(name="shape_array")
@attrs.frozen
class ShapeArray(_Facts):
    """The shape of an array, as integers.

    Example:
        >>> import mxcore as mx
        >>> x = mx.symbol.Variable("x")
        >>> mx.symbol.shape_array(x).infer_shape(x=(2, 3, 4))[1]
        [(3,)]
    """

    def infer_shape(self, data: Shape) -> Inferred:
        return (data,), (len(data),)

    def forward(self, run: Run, data: Array) -> Array:
        return run.xp.asarray(data.shape, dtype="int64")


@register(name="size_array")
@attrs.frozen
class SizeArray(_Facts):
    """The number of elements of an array, as an integer.

    Example:
        >>> import mxcore as mx
        >>> x = mx.symbol.Variable("x")
        >>> mx.symbol.size_array(x).infer_shape(x=(2, 3))[1]
        [(1,)]
    """

    def infer_shape(self, data: Shape) -> Inferred:
        return (data,), (1,)

    def forward(self, run: Run, data: Array) -> Array:
        return run.xp.asarray([data.size], dtype="int64")
