"""Operators that keep all elements and give them another shape or order."""

# ruff: noqa: D102  # the methods are those of Operator, and the class's docstring says what they compute

from __future__ import annotations

import math
from collections.abc import Sequence

import attrs

from mxcore import boolean, hyperparameter, integer, optional
from mxcore.backend import Array
from mxcore_module.operators.base import Inferred, Operator, Run, Shape, ShapeError, register
from mxcore_module.operators.reductions import reduced_axes, some_axes
from mxcore_module.operators.structure import any_integer
from mxcore_module.operators.windows import sizes

__all__ = ["DepthToSpace", "ExpandDims", "Flatten", "Reshape", "ReshapeLike", "SpaceToDepth", "Squeeze", "SwapAxis",
           "Transpose"]  # fmt: skip


@attrs.frozen
class Reshaped(Operator):
    """The base class of operators that keep the order of elements."""

    def forward(self, run: Run, data: Array) -> Array:
        return data.reshape(self.infer_shape(data.shape)[1])

    def backward(self, run: Run, grad: Array, data: Array) -> tuple[Array | None, ...]:
        return (grad.reshape(data.shape),)


@register("flatten")
@attrs.frozen
class Flatten(Reshaped):
    """Merges all axes but the first.

    Args:
        data: of shape ``(batch, ...)``.

    Returns:
        The same elements, of shape ``(batch, elements)``.

    Example:
        >>> import mxcore as mx
        >>> mx.symbol.Flatten(mx.symbol.Variable("data")).infer_shape(data=(32, 28, 28))[1]
        [(32, 784)]
    """

    def infer_shape(self, data: Shape) -> Inferred:
        if not data:
            raise ShapeError("data has no axes, it needs shape (batch, ...)")
        return (data,), (data[0], math.prod(data[1:]))


def coded(given: Sequence[int], wanted: Sequence[int]) -> list[int]:
    """Return the sizes that MXNet's codes stand for, but for -1.

    Raises:
        ShapeError: a code asks for an axis that does not exist.
    """
    found: list[int] = []
    place, codes = 0, iter(wanted)
    try:
        for code in codes:
            if code == -2:
                found += given[place:]
                place = len(given)
            elif code == -3:
                found.append(given[place] * given[place + 1])
                place += 2
            elif code == -4:
                one, other = next(codes), next(codes)
                found += [given[place] // other if one == -1 else one, given[place] // one if other == -1 else other]
                place += 1
            else:
                found.append(given[place] if code == 0 else code)
                place += 1
    except (IndexError, StopIteration, ZeroDivisionError):
        raise ShapeError(f"shape={tuple(wanted)} does not fit data of shape {tuple(given)}") from None
    return found


@register("reshape")
@attrs.frozen
class Reshape(Reshaped):
    """Gives the elements another shape.

    Besides sizes, ``shape`` may hold MXNet's codes: 0 keeps a size, -1 is inferred from the others, -2 keeps all
    remaining sizes, -3 multiplies two sizes, and -4 splits one into the two that follow, of which one may be -1.

    Args:
        data: of any shape.
        shape: the new shape.
        reverse: whether the codes are read from the end, each before the sizes that belong to it.
        target_shape: an older name of ``shape``, in which 0 is inferred.
        keep_highest: with ``target_shape``, whether the first size stays.

    Returns:
        The same elements in the new shape.

    Example:
        >>> import mxcore as mx
        >>> mx.symbol.Reshape(mx.symbol.Variable("data"), shape=(0, -1)).infer_shape(data=(2, 3, 4))[1]
        [(2, 12)]
    """

    shape: tuple[int, ...] = hyperparameter((), sizes)
    reverse: bool = hyperparameter(False, boolean)
    target_shape: tuple[int, ...] = hyperparameter((), sizes)
    keep_highest: bool = hyperparameter(False, boolean)

    def infer_shape(self, data: Shape) -> Inferred:
        turn = -1 if self.reverse else 1
        wanted = self.shape
        if not wanted:
            wanted = tuple(size or -1 for size in self.target_shape)
            wanted = (0, *wanted[1:]) if self.keep_highest else wanted
        found = coded(data[::turn], wanted[::turn])[::turn]
        if found.count(-1) == 1:
            known = math.prod(size for size in found if size != -1)
            found[found.index(-1)] = math.prod(data) // known if known else 0
        if math.prod(found) != math.prod(data) or -1 in found:
            raise ShapeError(f"shape={wanted} does not fit data of shape {data}")
        return (data,), tuple(found)


@register(name="reshape_like")
@attrs.frozen
class ReshapeLike(Operator):
    """Gives the elements of ``lhs`` the shape of ``rhs``.

    Args:
        lhs: of any shape.
        rhs: of a shape with as many elements; its values have no effect.

    Returns:
        The elements of ``lhs``.

    Example:
        >>> import mxcore as mx
        >>> x, y = mx.symbol.Variable("x"), mx.symbol.Variable("y")
        >>> mx.symbol.reshape_like(x, y).infer_shape(x=(2, 6), y=(3, 4))[1]
        [(3, 4)]
    """

    inputs = ("lhs", "rhs")

    def can_infer(self, shapes: tuple[Shape | None, ...]) -> bool:
        return None not in shapes

    def infer_shape(self, lhs: Shape, rhs: Shape) -> Inferred:
        if math.prod(lhs) != math.prod(rhs):
            raise ShapeError(f"lhs and rhs must have as many elements, got {lhs} and {rhs}")
        return (lhs, rhs), rhs

    def forward(self, run: Run, lhs: Array, rhs: Array) -> Array:
        return lhs.reshape(rhs.shape)

    def backward(self, run: Run, grad: Array, lhs: Array, rhs: Array) -> tuple[Array | None, ...]:
        return grad.reshape(lhs.shape), None


@register(name="expand_dims")
@attrs.frozen
class ExpandDims(Reshaped):
    """Inserts an axis of size 1.

    Args:
        data: of any shape.
        axis: the place of the new axis.

    Returns:
        The same elements.

    Example:
        >>> import mxcore as mx
        >>> x = mx.symbol.Variable("x")
        >>> mx.symbol.expand_dims(x, axis=1).infer_shape(x=(2, 3))[1]
        [(2, 1, 3)]
    """

    axis: int = hyperparameter(any_integer)

    def infer_shape(self, data: Shape) -> Inferred:
        if not -len(data) - 1 <= self.axis <= len(data):
            raise ShapeError(f"axis={self.axis} is not a place for a new axis in data of shape {data}")
        place = self.axis % (len(data) + 1)
        return (data,), (*data[:place], 1, *data[place:])


@register(name="squeeze")
@attrs.frozen
class Squeeze(Reshaped):
    """Removes axes of size 1.

    Args:
        data: of any shape.
        axis: an axis or several; all of size 1 by default.

    Returns:
        The same elements, of shape ``(1,)`` if no axis is left.

    Example:
        >>> import mxcore as mx
        >>> x = mx.symbol.Variable("x")
        >>> mx.symbol.squeeze(x).infer_shape(x=(2, 1, 3))[1]
        [(2, 3)]
    """

    axis: int | tuple[int, ...] | None = hyperparameter(None, optional(some_axes))

    def infer_shape(self, data: Shape) -> Inferred:
        chosen = reduced_axes(len(data), self.axis)
        if self.axis is not None and any(data[axis] != 1 for axis in chosen):
            raise ShapeError(f"axis={self.axis} is not of size 1 in data of shape {data}")
        return (data,), tuple(size for axis, size in enumerate(data) if axis not in chosen or size != 1) or (1,)


@attrs.frozen
class Permuted(Operator):
    """The base class of operators that permute axes."""

    def order(self, ndim: int) -> Sequence[int]:
        """Return which axis of the data each axis of the result is."""
        raise NotImplementedError

    def infer_shape(self, data: Shape) -> Inferred:
        order = self.order(len(data))
        if sorted(order) != list(range(len(data))):
            raise ShapeError(f"axes must be a permutation of the axes of data of shape {data}, got {tuple(order)}")
        return (data,), tuple(data[axis] for axis in order)

    def forward(self, run: Run, data: Array) -> Array:
        return data.transpose(self.order(data.ndim))

    def backward(self, run: Run, grad: Array, data: Array) -> tuple[Array | None, ...]:
        order = self.order(data.ndim)
        return (grad.transpose([order.index(axis) for axis in range(data.ndim)]),)


@register(name="transpose")
@attrs.frozen
class Transpose(Permuted):
    """Permutes the axes, or reverses them.

    Args:
        data: of any shape.
        axes: which axis of the data each axis of the result is; the reverse order by default.

    Returns:
        The same elements.

    Example:
        >>> import mxcore as mx
        >>> x = mx.symbol.Variable("x")
        >>> mx.symbol.transpose(x, axes=(1, 2, 0)).infer_shape(x=(2, 3, 4))[1]
        [(3, 4, 2)]
    """

    axes: tuple[int, ...] = hyperparameter((), sizes)

    def order(self, ndim: int) -> Sequence[int]:
        return [axis % ndim for axis in self.axes] if self.axes else list(range(ndim))[::-1]


@register("swapaxes")
@attrs.frozen
class SwapAxis(Permuted):
    """Exchanges two axes.

    Args:
        data: of any shape.
        dim1: the first axis.
        dim2: the second axis.

    Returns:
        The same elements.

    Example:
        >>> import mxcore as mx
        >>> x = mx.symbol.Variable("x")
        >>> mx.symbol.SwapAxis(x, dim1=0, dim2=2).infer_shape(x=(2, 3, 4))[1]
        [(4, 3, 2)]
    """

    dim1: int = hyperparameter(0, any_integer)
    dim2: int = hyperparameter(0, any_integer)

    def order(self, ndim: int) -> Sequence[int]:
        if not all(-ndim <= axis < ndim for axis in (self.dim1, self.dim2)):
            raise ShapeError(f"dim1={self.dim1} and dim2={self.dim2} must be axes of data with {ndim} axes")
        order = list(range(ndim))
        order[self.dim1], order[self.dim2] = order[self.dim2], order[self.dim1]
        return order


@attrs.frozen
class _Blocks(Operator):
    """The base class of these two."""

    block_size: int = hyperparameter(integer(at_least=1))


@register(name="depth_to_space")
@attrs.frozen
class DepthToSpace(_Blocks):
    """Makes blocks of pixels of channels.

    Args:
        data: of shape ``(batch, channels, height, width)``.
        block_size: the height and width of a block.

    Returns:
        The same elements.

    Example:
        >>> import mxcore as mx
        >>> x = mx.symbol.Variable("x")
        >>> mx.symbol.depth_to_space(x, 2).infer_shape(x=(1, 8, 3, 4))[1]
        [(1, 2, 6, 8)]
    """

    def infer_shape(self, data: Shape) -> Inferred:
        size = self.block_size
        if len(data) != 4 or data[1] % size**2:
            raise ShapeError(f"data must have shape (batch, channels · {size}², height, width), got {data}")
        return (data,), (data[0], data[1] // size**2, data[2] * size, data[3] * size)

    def forward(self, run: Run, data: Array) -> Array:
        return to_space(data, self.block_size)

    def backward(self, run: Run, grad: Array, data: Array) -> tuple[Array | None, ...]:
        return (to_depth(grad, self.block_size),)


@register(name="space_to_depth")
@attrs.frozen
class SpaceToDepth(_Blocks):
    """Makes channels of blocks of pixels.

    Args:
        data: of shape ``(batch, channels, height, width)``.
        block_size: the height and width of a block.

    Returns:
        The same elements.

    Example:
        >>> import mxcore as mx
        >>> x = mx.symbol.Variable("x")
        >>> mx.symbol.space_to_depth(x, 2).infer_shape(x=(1, 2, 6, 8))[1]
        [(1, 8, 3, 4)]
    """

    def infer_shape(self, data: Shape) -> Inferred:
        size = self.block_size
        if len(data) != 4 or data[2] % size or data[3] % size:
            raise ShapeError(f"data must have shape (batch, channels, height · {size}, width · {size}), got {data}")
        return (data,), (data[0], data[1] * size**2, data[2] // size, data[3] // size)

    def forward(self, run: Run, data: Array) -> Array:
        return to_depth(data, self.block_size)

    def backward(self, run: Run, grad: Array, data: Array) -> tuple[Array | None, ...]:
        return (to_space(grad, self.block_size),)


def to_space(data: Array, size: int) -> Array:
    """Return channels as blocks of pixels."""
    batch, channels, height, width = data.shape
    parts = data.reshape(batch, size, size, channels // size**2, height, width)
    return parts.transpose(0, 3, 4, 1, 5, 2).reshape(batch, channels // size**2, height * size, width * size)


def to_depth(data: Array, size: int) -> Array:
    """Return blocks of pixels as channels."""
    batch, channels, height, width = data.shape
    parts = data.reshape(batch, channels, height // size, size, width // size, size)
    return parts.transpose(0, 3, 5, 1, 2, 4).reshape(batch, channels * size**2, height // size, width // size)
