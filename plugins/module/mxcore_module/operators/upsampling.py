"""Larger images."""

# ruff: noqa: D102  # the methods are those of Operator, and the class's docstring says what they compute

from __future__ import annotations

from typing import Any

import attrs

from mxcore import hyperparameter, integer, one_of
from mxcore.backend import Array
from mxcore_module.operators.base import Inferred, Operator, Run, Shape, ShapeError, register
from mxcore_module.operators.convolution import Deconvolution

__all__ = ["UpSampling"]


@register()
@attrs.frozen
class UpSampling(Operator):
    """Makes images larger: each pixel becomes a block of ``scale · scale`` pixels.

    Args:
        data: one or several arrays of shape ``(batch, channels, height, width)``. The first is scaled by ``scale``, and
            the others to the same height and width. With ``"bilinear"``, one array, and its weight of shape
            ``(channels, 1, kernel, kernel)`` with a kernel of ``2 scale - scale mod 2``.
        scale: the factor.
        num_filter: with ``"bilinear"``, the number of channels.
        sample_type: ``"nearest"``, or ``"bilinear"`` for a :class:`Deconvolution` that usually starts with
            ``mx.init.Bilinear()``.
        multi_input_mode: ``"concat"`` joins the channels of several arrays; ``"sum"`` adds them.
        num_args: the number of arrays; optional.
        workspace: accepted for MXNet's sake, without effect.

    Returns:
        The larger array.

    Example:
        >>> import mxcore as mx
        >>> x = mx.symbol.Variable("x")
        >>> mx.symbol.UpSampling(x, scale=2, sample_type="nearest").infer_shape(x=(2, 3, 8, 8))[1]
        [(2, 3, 16, 16)]
    """

    variadic = True

    scale: int = hyperparameter(integer(at_least=1), kw_only=True)
    num_filter: int = hyperparameter(0, integer(at_least=0))
    sample_type: str = hyperparameter(one_of("nearest", "bilinear"), kw_only=True)
    multi_input_mode: str = hyperparameter("concat", one_of("concat", "sum"))
    num_args: int = hyperparameter(1, integer(at_least=1))
    workspace: int = hyperparameter(512, integer(at_least=0))

    def input_names(self) -> tuple[str, ...]:
        if self.sample_type == "bilinear":
            return "arg0", "weight"
        return tuple(f"arg{number}" for number in range(self.num_args))

    def input_count(self) -> int:
        return 2 if self.sample_type == "bilinear" else self.num_args

    def can_infer(self, shapes: tuple[Shape | None, ...]) -> bool:
        return shapes[0] is not None if self.sample_type == "bilinear" else None not in shapes

    def _transpose(self) -> Deconvolution:
        """Return the operator that computes ``"bilinear"``."""
        size = 2 * self.scale - self.scale % 2
        return Deconvolution(
            kernel=(size,) * 2,
            stride=(self.scale,) * 2,
            pad=(self.scale // 2,) * 2,
            num_filter=self.num_filter,
            num_group=self.num_filter,
        )

    def infer_shape(self, data: Shape, *others: Shape | None) -> Inferred:
        if self.sample_type == "bilinear":
            return self._transpose().infer_shape(data)
        shapes = (data, *(shape for shape in others if shape is not None))
        if any(len(shape) != 4 for shape in shapes):
            raise ShapeError(f"data must have shape (batch, channels, height, width), got {shapes}")
        height, width = data[2] * self.scale, data[3] * self.scale
        if any(height % shape[2] or width % shape[3] or shape[0] != data[0] for shape in shapes):
            raise ShapeError(f"heights and widths of {shapes} must divide {(height, width)}")
        channels = sum(shape[1] for shape in shapes) if self.multi_input_mode == "concat" else data[1]
        return shapes, (data[0], channels, height, width)

    def forward(self, run: Run, *arrays: Array, **_: Any) -> Array:
        if self.sample_type == "bilinear":
            return self._transpose().forward(run, *arrays)
        height, width = arrays[0].shape[2] * self.scale, arrays[0].shape[3] * self.scale
        parts = [run.xp.repeat(run.xp.repeat(x, height // x.shape[2], 2), width // x.shape[3], 3) for x in arrays]
        return run.xp.concatenate(parts, axis=1) if self.multi_input_mode == "concat" else sum(parts[1:], parts[0])

    def backward(self, run: Run, grad: Array, *arrays: Array, **_: Any) -> tuple[Array | None, ...]:
        if self.sample_type == "bilinear":
            return self._transpose().backward(run, grad, *arrays)
        found, start = [], 0
        for x in arrays:
            part = grad
            if self.multi_input_mode == "concat":
                part, start = grad[:, start : start + x.shape[1]], start + x.shape[1]
            blocks = part.reshape(*x.shape[:2], x.shape[2], part.shape[2] // x.shape[2], x.shape[3], -1)
            found.append(blocks.sum(axis=(3, 5)))
        return tuple(found)
