"""Pooling: one number for each window."""

# ruff: noqa: D102  # the methods are those of Operator, and the class's docstring says what they compute

from __future__ import annotations

import functools
import math
from typing import Any

import attrs

from mxcore import boolean, hyperparameter, integer, one_of, optional
from mxcore.backend import Array
from mxcore_module.operators.base import Inferred, Operator, Run, Shape, ShapeError, register
from mxcore_module.operators.convolution import LAYOUTS, check_layout
from mxcore_module.operators.windows import Windows, batch_first, batch_last, sizes

__all__ = ["Pooling"]


@register()
@attrs.frozen
class Pooling(Operator):
    """The maximum, mean, sum or root of a power sum of each window over 1 to 3 spatial axes.

    The gradient of a maximum goes to the first element of the window that has it.

    Args:
        data: of shape ``(batch, channels, *spatial)``.
        kernel: the size of the window along each spatial axis; not needed with ``global_pool``.
        pool_type: ``"max"``, ``"avg"``, ``"sum"``, or ``"lp"`` for ``(Σ xᵖ)^(1/p)``, as in MXNet
            without absolute values.
        global_pool: whether one window covers everything; ``kernel``, ``stride`` and ``pad`` then have no effect.
        pooling_convention: how many places there are along an axis, with ``d = size + 2 pad - kernel``: ``"valid"``,
            ``⌊d / stride⌋ + 1``; ``"full"``, ``⌈d / stride⌉ + 1``, the last of which may reach beyond the padding;
            ``"same"``, ``⌈size / stride⌉``, without ``pad``.
        stride: the steps of the window; 1 by default.
        pad: the elements added on both sides of each axis, which are 0, or never the maximum; none by default.
        p_value: the ``p`` of ``"lp"``, which is 1, 2 or 3.
        count_include_pad: whether ``"avg"`` divides by the number of elements including the padding.
        layout: ``"NCW"``, ``"NCHW"`` or ``"NCDHW"``, which is also the default.
        cudnn_off: accepted for MXNet's sake, without effect.

    Returns:
        An array of shape ``(batch, channels, *places)``.

    Example:
        >>> import mxcore as mx
        >>> layer = mx.symbol.Pooling(mx.symbol.Variable("data"), kernel=(2, 2), stride=(2, 2), pool_type="max")
        >>> layer.infer_shape(data=(32, 20, 24, 24))[1]
        [(32, 20, 12, 12)]
    """

    partial = True

    def can_infer(self, shapes: tuple[Shape | None, ...]) -> bool:
        return shapes[0] is not None and 0 not in shapes[0][2:]

    kernel: tuple[int, ...] = hyperparameter((), sizes)
    pool_type: str = hyperparameter("max", one_of("max", "avg", "sum", "lp"))
    global_pool: bool = hyperparameter(False, boolean)
    cudnn_off: bool = hyperparameter(False, boolean)
    pooling_convention: str = hyperparameter("valid", one_of("valid", "full", "same"))
    stride: tuple[int, ...] = hyperparameter((), sizes)
    pad: tuple[int, ...] = hyperparameter((), sizes)
    p_value: int | None = hyperparameter(None, optional(integer(at_least=1)))
    count_include_pad: bool = hyperparameter(True, boolean)
    layout: str | None = hyperparameter(None, optional(one_of(*LAYOUTS)))

    def windows(self, spatial: Shape) -> Windows:
        ones = (1,) * len(spatial)
        if self.global_pool:
            return Windows(spatial, ones, ones, (0,) * len(spatial), ones)
        if self.pooling_convention == "same" and not any(self.pad):
            stride = self.stride or ones
            places = tuple(-(-size // step) for size, step in zip(spatial, stride, strict=True))
            return Windows(self.kernel, stride, ones, (0,) * len(spatial), places)
        return Windows.over(spatial, self.kernel, self.stride, (), self.pad, full=self.pooling_convention == "full")

    def infer_shape(self, data: Shape) -> Inferred:
        if not 3 <= len(data) <= 5:
            raise ShapeError(f"data must have shape (batch, channels, ...) with 1 to 3 sizes more, got {data}")
        check_layout(self.layout, len(data) - 2)
        if self.pool_type == "lp" and self.p_value not in (1, 2, 3):
            raise ShapeError(f"pool_type='lp' needs p_value=1, 2 or 3, got {self.p_value}")
        return (data,), (*data[:2], *self.windows(data[2:]).places)

    def forward(self, run: Run, data: Array) -> Array:
        windows = self.windows(data.shape[2:])
        padded = windows.padded(run.xp, batch_last(data), -math.inf if self.pool_type == "max" else 0)
        if self.pool_type == "lp":
            padded = padded**self.p_value
        combine = run.xp.maximum if self.pool_type == "max" else run.xp.add
        seen = [padded[index] for _, index in windows.offsets()]
        found = combine(seen[0], seen[1]) if len(seen) > 1 else seen[0].copy()
        for part in seen[2:]:
            combine(found, part, out=found)
        if self.pool_type == "avg":
            found *= self._shares(run.xp, windows, data)
        roots = {None: lambda sums: sums, 1: lambda sums: sums, 2: run.xp.sqrt, 3: run.xp.cbrt}
        return batch_first(roots[self.p_value if self.pool_type == "lp" else None](found))

    def _shares(self, xp: Any, windows: Windows, data: Array) -> Array:
        """Return 1 / the number of elements that are counted in each window, of shape ``(1, *places, 1)``."""
        inside = 0 if self.count_include_pad else 1
        per_axis = []
        for axis, size in enumerate(data.shape[2:]):
            starts = [place * windows.stride[axis] - windows.pad[axis] for place in range(windows.places[axis])]
            last = size + windows.pad[axis] * (1 - inside)
            lengths = [
                min(start + windows.kernel[axis], last) - (max(start, 0) if inside else start) for start in starts
            ]
            per_axis.append(xp.asarray([1 / max(length, 1) for length in lengths], dtype=data.dtype))
        return functools.reduce(lambda total, one: total[..., None] * one, per_axis)[None, ..., None]

    def backward(self, run: Run, grad: Array, data: Array) -> tuple[Array | None, ...]:
        windows = self.windows(data.shape[2:])
        inputs, flat = batch_last(data), batch_last(grad)
        shape = (inputs.shape[0], *windows.places, inputs.shape[-1])
        total, inner = windows.unpadded(run.xp, data.shape[2:], shape, data.dtype)
        if self.pool_type == "max":
            self._to_maxima(run, windows, inputs, flat, total)
            return (batch_first(inner),)
        if self.pool_type == "avg":
            flat = flat * self._shares(run.xp, windows, data)
        if self.pool_type == "lp":
            norms = batch_last(run.output)
            flat = flat * run.xp.where(norms != 0, norms, 1) ** (1 - (self.p_value or 2))
        for _, index in windows.offsets():
            total[index] += flat
        if self.pool_type == "lp":
            inner *= inputs ** ((self.p_value or 2) - 1)
        return (batch_first(inner),)

    def _to_maxima(self, run: Run, windows: Windows, inputs: Array, flat: Array, total: Array) -> None:
        """Add the gradient of each window to its first maximum."""
        maxima = batch_last(run.output)
        padded = windows.padded(run.xp, inputs, -math.inf)
        is_open = None  # where no earlier element of the window was the maximum
        for _, index in windows.offsets():
            here = padded[index] == maxima
            if is_open is None:
                is_open = ~here
            else:
                here &= is_open
                is_open ^= here
            if windows.overlap():
                total[index] += flat * here
            else:
                run.xp.multiply(flat, here, out=total[index])
