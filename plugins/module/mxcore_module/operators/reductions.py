"""Reductions over axes, in one table, and the positions of extrema."""

# ruff: noqa: D102  # the methods are those of Operator

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import attrs

from mxcore import Validator, boolean, hyperparameter, optional
from mxcore.backend import Array
from mxcore_module.operators.base import Inferred, Operator, Run, Shape, ShapeError, derived, register
from mxcore_module.operators.structure import any_integer
from mxcore_module.operators.windows import sizes

__all__ = ["Moments", "Norm", "Reduction"]

some_axes = Validator(
    "an integer or a tuple of integers", lambda value: any_integer.accepts(value) or sizes.accepts(value)
)


def reduced_axes(ndim: int, axis: Any, exclude: bool = False) -> tuple[int, ...]:
    """Return the axes to reduce: all for None or (); with ``exclude``, those that are not given.

    Raises:
        ShapeError: there is no such axis.
    """
    if axis is None or axis == ():
        return tuple(range(ndim))
    given = axis if isinstance(axis, tuple) else (axis,)
    if any(not -ndim <= one < ndim for one in given):
        raise ShapeError(f"axis={axis} does not exist in data of {ndim} axes")
    chosen = {one % ndim for one in given}
    return tuple(one for one in range(ndim) if (one in chosen) != exclude)


def reduced_shape(shape: Shape, over: tuple[int, ...], keepdims: bool) -> Shape:
    """Return the shape without the reduced axes; (1,) if none is left, as in MXNet."""
    if keepdims:
        return tuple(1 if axis in over else size for axis, size in enumerate(shape))
    return tuple(size for axis, size in enumerate(shape) if axis not in over) or (1,)


def as_kept(array: Array, shape: Shape, over: tuple[int, ...]) -> Array:
    """Return a reduced array with axes of size 1 where they were reduced."""
    return array.reshape(reduced_shape(shape, over, keepdims=True))


@attrs.frozen
class Reduced:
    """A reduction.

    Attributes:
        value: the function; it takes the array library, the data and the axes, and keeps these with size 1.
        gradient: the gradient of the data; it takes the array library, the gradient, the data, the result (both with
            kept axes) and the number of elements in a result.
    """

    value: Callable[[Any, Array, tuple[int, ...]], Array]
    gradient: Callable[[Any, Array, Array, Array, int], Array]


def _by(name: str) -> Callable[[Any, Array, tuple[int, ...]], Array]:
    return lambda xp, x, over: getattr(xp, name)(x, axis=over, keepdims=True)


REDUCTIONS = {
    "sum": Reduced(_by("sum"), lambda xp, g, x, y, n: xp.broadcast_to(g, x.shape)),
    "mean": Reduced(_by("mean"), lambda xp, g, x, y, n: xp.broadcast_to(g / n, x.shape)),
    "max": Reduced(_by("max"), lambda xp, g, x, y, n: g * (x == y)),
    "min": Reduced(_by("min"), lambda xp, g, x, y, n: g * (x == y)),
    "prod": Reduced(_by("prod"), lambda xp, g, x, y, n: g * y / x),
    "nansum": Reduced(_by("nansum"), lambda xp, g, x, y, n: xp.where(xp.isnan(x), 0, g).astype(x.dtype)),
    "nanprod": Reduced(_by("nanprod"), lambda xp, g, x, y, n: xp.where(xp.isnan(x), 0, g * y / x).astype(x.dtype)),
}
_ALIASES = {"sum": ("sum_axis",), "max": ("max_axis",), "min": ("min_axis",)}


@attrs.frozen
class Reduction(Operator):
    """The base class of the operators of this table."""

    reduced: ClassVar[Reduced]

    axis: int | tuple[int, ...] | None = hyperparameter(None, optional(some_axes))
    keepdims: bool = hyperparameter(False, boolean)
    exclude: bool = hyperparameter(False, boolean)

    def infer_shape(self, data: Shape) -> Inferred:
        return (data,), reduced_shape(data, reduced_axes(len(data), self.axis, self.exclude), self.keepdims)

    def forward(self, run: Run, data: Array) -> Array:
        over = reduced_axes(data.ndim, self.axis, self.exclude)
        run.kept = self.reduced.value(run.xp, data, over)
        return run.kept.reshape(reduced_shape(data.shape, over, self.keepdims))

    def backward(self, run: Run, grad: Array, data: Array) -> tuple[Array | None, ...]:
        grad = grad.reshape(run.kept.shape)
        return (self.reduced.gradient(run.xp, grad, data, run.kept, data.size // max(grad.size, 1)),)


_OPTIONS = """
Args:
    data: of any shape.
    axis: an axis or several; all by default.
    keepdims: whether reduced axes stay, with size 1.
    exclude: whether to reduce the axes that are not given instead.

Returns:
    The result, of shape ``(1,)`` if no axis is left.
"""
for _name, _reduced in REDUCTIONS.items():
    derived(Reduction, _name, *_ALIASES.get(_name, ()), reduced=_reduced, doc=f"The {_name} over axes.\n{_OPTIONS}")


@register(name="norm")
@attrs.frozen
class Norm(Operator):
    """The L1 or L2 norm over axes, ``Σ |x|`` or ``√Σ x²``.

    Args:
        data: of any shape.
        ord: 1 or 2.
        axis: an axis or several; all by default.
        out_dtype: must be None: the result has the dtype of the data.
        keepdims: whether reduced axes stay, with size 1.

    Returns:
        The norms, of shape ``(1,)`` if no axis is left.

    Example:
        >>> import mxcore as mx
        >>> x = mx.symbol.Variable("x")
        >>> mx.symbol.norm(x, axis=1).infer_shape(x=(2, 3))[1]
        [(2,)]
    """

    ord: int = hyperparameter(2, Validator("1 or 2", lambda value: value in (1, 2)))
    axis: int | tuple[int, ...] | None = hyperparameter(None, optional(some_axes))
    out_dtype: None = hyperparameter(None, Validator("None", lambda value: value is None))
    keepdims: bool = hyperparameter(False, boolean)

    def infer_shape(self, data: Shape) -> Inferred:
        return (data,), reduced_shape(data, reduced_axes(len(data), self.axis), self.keepdims)

    def forward(self, run: Run, data: Array) -> Array:
        over = reduced_axes(data.ndim, self.axis)
        found = (abs(data) if self.ord == 1 else data * data).sum(axis=over, keepdims=True)
        run.kept = found if self.ord == 1 else run.xp.sqrt(found)
        return run.kept.reshape(reduced_shape(data.shape, over, self.keepdims))

    def backward(self, run: Run, grad: Array, data: Array) -> tuple[Array | None, ...]:
        grad = grad.reshape(run.kept.shape)
        if self.ord == 1:
            return (grad * run.xp.sign(data),)
        return (grad * data / run.xp.where(run.kept == 0, run.xp.ones_like(run.kept), run.kept),)


@register(name="moments")
@attrs.frozen
class Moments(Operator):
    """The mean and the variance over axes: a symbol with two outputs.

    Args:
        data: of any shape.
        axes: an axis or several; all by default.
        keepdims: whether reduced axes stay, with size 1.

    Returns:
        The mean, and the variance (over n, not n - 1).

    Example:
        >>> import mxcore as mx
        >>> x = mx.symbol.Variable("x")
        >>> mx.symbol.moments(x, axes=(0,)).infer_shape(x=(2, 3))[1]
        [(3,), (3,)]
    """

    axes: int | tuple[int, ...] | None = hyperparameter(None, optional(some_axes))
    keepdims: bool = hyperparameter(False, boolean)

    def output_names(self) -> tuple[str, ...]:
        return "output0", "output1"

    def infer_shape(self, data: Shape) -> Inferred:
        return (data,), [reduced_shape(data, reduced_axes(len(data), self.axes), self.keepdims)] * 2

    def forward(self, run: Run, data: Array) -> list[Array]:
        over = reduced_axes(data.ndim, self.axes)
        run.kept = data - data.mean(axis=over, keepdims=True)
        shape = reduced_shape(data.shape, over, self.keepdims)
        return [data.mean(axis=over).reshape(shape), (run.kept**2).mean(axis=over).reshape(shape)]

    def backward(self, run: Run, grad: list[Array], data: Array) -> tuple[Array | None, ...]:
        over = reduced_axes(data.ndim, self.axes)
        of_mean, of_variance = (as_kept(one, data.shape, over) for one in grad)
        return ((of_mean + 2 * run.kept * of_variance) * (of_mean.size / data.size),)


@attrs.frozen
class _Extremum(Operator):
    """The first position of the largest (smallest) element along an axis, or in all data; it has no gradient.

    Args:
        data: of any shape.
        axis: the axis; None for all data.
        keepdims: whether the axis stays, with size 1.

    Returns:
        The positions, as floating-point numbers.
    """

    function: ClassVar[str]

    axis: int | None = hyperparameter(None, optional(any_integer))
    keepdims: bool = hyperparameter(False, boolean)

    def infer_shape(self, data: Shape) -> Inferred:
        return (data,), reduced_shape(data, reduced_axes(len(data), self.axis), self.keepdims)

    def forward(self, run: Run, data: Array) -> Array:
        found = getattr(run.xp, self.function)(data, axis=self.axis)
        return found.astype(data.dtype).reshape(self.infer_shape(data.shape)[1])

    def backward(self, run: Run, grad: Array, data: Array) -> tuple[Array | None, ...]:
        return (None,)


for _name in ("argmax", "argmin"):
    derived(_Extremum, _name, function=_name, doc=_Extremum.__doc__ or "")


@register(name="argmax_channel")
@attrs.frozen
class ArgmaxChannel(Operator):
    """The position of the largest element of each row; it has no gradient.

    Args:
        data: of shape ``(batch, channels)``.

    Returns:
        The positions, as floating-point numbers, of shape ``(batch,)``.

    Example:
        >>> import mxcore as mx
        >>> x = mx.symbol.Variable("x")
        >>> mx.symbol.argmax_channel(x).infer_shape(x=(32, 10))[1]
        [(32,)]
    """

    def infer_shape(self, data: Shape) -> Inferred:
        if len(data) < 2:
            raise ShapeError(f"data must have shape (batch, channels), got {data}")
        return (data,), (data[0], *data[2:])

    def forward(self, run: Run, data: Array) -> Array:
        return data.argmax(axis=1).astype(data.dtype)

    def backward(self, run: Run, grad: Array, data: Array) -> tuple[Array | None, ...]:
        return (None,)
