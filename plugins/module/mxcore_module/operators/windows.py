"""Windows that slide over the spatial axes of data, for convolution and pooling.

Inside, arrays have the axes ``(channels, *spatial, batch)``. With the batch last, whatever is copied or added for one
offset in the window consists of long runs of memory, even if the image is small.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from typing import Any

import attrs

from mxcore.backend import Array
from mxcore.validators import Validator
from mxcore_module.operators.base import Shape, ShapeError

__all__ = ["Windows", "batch_first", "batch_last", "sizes"]

sizes = Validator(
    "a tuple of integers", lambda value: isinstance(value, tuple) and all(isinstance(one, int) for one in value)
)


def batch_last(array: Array) -> Array:
    """Return a view of ``(batch, channels, ...)`` as ``(channels, ..., batch)``."""
    return array.transpose(*range(1, array.ndim), 0)


def batch_first(array: Array) -> Array:
    """Return a view of ``(channels, ..., batch)`` as ``(batch, channels, ...)``."""
    return array.transpose(array.ndim - 1, *range(array.ndim - 1))


@attrs.frozen
class Windows:
    """The places of a window over one or more spatial axes; each field has a number per axis.

    Attributes:
        kernel: the size of the window.
        stride: the steps between places.
        dilate: the steps between the elements of a window.
        pad: the elements added before the data; after them as many as the last place needs.
        places: the number of places.
    """

    kernel: Shape
    stride: Shape
    dilate: Shape
    pad: Shape
    places: Shape

    @classmethod
    def over(cls, spatial: Shape, kernel: Shape, stride: Shape, dilate: Shape, pad: Shape, *, full: bool) -> Windows:
        """Return the windows over axes of these sizes; with ``full``, the last ones may reach beyond the padding.

        Raises:
            ShapeError: the options do not fit the number of axes, or the window is larger than the padded data.
        """
        ones = (1,) * len(spatial)
        stride, dilate, pad = stride or ones, dilate or ones, pad or (0,) * len(spatial)
        for name, given in (("kernel", kernel), ("stride", stride), ("dilate", dilate), ("pad", pad)):
            if len(given) != len(spatial) or min(given) < (0 if name == "pad" else 1):
                raise ShapeError(f"{name} must have a size for each of {len(spatial)} spatial axes, got {given}")
        room = [
            size + 2 * before - (step * (length - 1) + 1)
            for size, before, step, length in zip(spatial, pad, dilate, kernel, strict=True)
        ]
        if min(room) < 0:
            raise ShapeError(f"a window of {kernel} is larger than the data {spatial} with a padding of {pad}")
        places = tuple(
            -(-left // step) + 1 if full else left // step + 1 for left, step in zip(room, stride, strict=True)
        )
        return cls(kernel, stride, dilate, pad, places)

    def needed(self) -> Shape:
        """Return the sizes that the padded data must have at least."""
        zipped = zip(self.places, self.stride, self.kernel, self.dilate, strict=True)
        return tuple((count - 1) * step + (length - 1) * apart + 1 for count, step, length, apart in zipped)

    def padded(self, xp: Any, data: Array, value: float) -> Array:
        """Return ``(channels, *spatial, batch)`` with padding of ``value``, or ``data`` itself if none is needed."""
        spatial = data.shape[1:-1]
        shape = self._padded_shape(spatial)
        if shape == spatial:
            return data
        found = xp.full((data.shape[0], *shape, data.shape[-1]), value, data.dtype)
        found[self.inner(spatial)] = data
        return found

    def _padded_shape(self, spatial: Shape) -> Shape:
        zipped = zip(self.needed(), self.pad, spatial, strict=True)
        return tuple(max(needed, before + size) for needed, before, size in zipped)

    def inner(self, spatial: Shape) -> tuple[slice, ...]:
        """Return the index of the data in the padded data."""
        return (slice(None), *(slice(before, before + size) for before, size in zip(self.pad, spatial, strict=True)))

    def offsets(self) -> Iterator[tuple[Shape, tuple[slice, ...]]]:
        """Return each offset in the window, in order, with the index of that element of all windows in padded data."""
        for offset in itertools.product(*map(range, self.kernel)):
            zipped = zip(offset, self.dilate, self.stride, self.places, strict=True)
            starts = [(number * apart, step, count) for number, apart, step, count in zipped]
            yield offset, (slice(None), *(slice(at, at + step * (count - 1) + 1, step) for at, step, count in starts))

    def overlap(self) -> bool:
        """Return whether two windows may share an element."""
        return any(
            apart * (length - 1) >= step
            for apart, length, step in zip(self.dilate, self.kernel, self.stride, strict=True)
        )

    def columns(self, xp: Any, data: Array) -> Array:
        """Return ``(channels, *kernel, *places, batch)``, what each window sees of ``(batch, channels, *spatial)``."""
        padded = self.padded(xp, batch_last(data), 0)
        if math.prod(self.kernel) == 1 and set(self.stride) <= {1}:
            return padded.reshape(data.shape[1], *self.kernel, *self.places, data.shape[0])
        found = xp.empty((data.shape[1], *self.kernel, *self.places, data.shape[0]), data.dtype)
        for offset, seen in self.offsets():
            found[(slice(None), *offset)] = padded[seen]
        return found

    def summed(self, xp: Any, columns: Array, spatial: Shape) -> Array:
        """Return ``(batch, channels, *spatial)``: what :meth:`columns` returns, added at the places that it is from."""
        total, inner = self.unpadded(xp, spatial, columns.shape, columns.dtype)
        for offset, seen in self.offsets():
            total[seen] += columns[(slice(None), *offset)]
        return batch_first(inner)

    def unpadded(self, xp: Any, spatial: Shape, shape: Shape, dtype: Any) -> tuple[Array, Array]:
        """Return zeros in the shape of the padded data, to collect gradients in, and the view of the data in them."""
        found = xp.zeros((shape[0], *self._padded_shape(spatial), shape[-1]), dtype)
        return found, found[self.inner(spatial)]
