"""Normalisations of each row, image or channel by itself, the same in training and prediction."""

# ruff: noqa: D102  # the methods are those of Operator, and the class's docstring says what they compute

from __future__ import annotations

from typing import Any

import attrs

from mxcore import boolean, hyperparameter, integer, number, one_of, positive
from mxcore.backend import Array
from mxcore_module.operators.base import Inferred, Operator, Run, Shape, ShapeError, along, axes_but, register
from mxcore_module.operators.reductions import reduced_axes
from mxcore_module.operators.structure import any_integer

__all__ = ["LRN", "GroupNorm", "InstanceNorm", "L2Normalization", "LayerNorm"]


@attrs.frozen
class _Normalized(Operator):
    """``y = γ (x - μ) / √(σ² + eps) + β``, with mean and variance over some axes.

    Subclasses say over which, in :meth:`over`, and along which axis of the grouped data ``γ`` and ``β`` lie.
    """

    inputs = ("data", "gamma", "beta")

    def over(self, ndim: int) -> tuple[int, ...]:
        """Return the axes over which there are mean and variance."""
        raise NotImplementedError

    def grouped(self, data: Array) -> Array:
        """Return the data with axes for :meth:`over`."""
        return data

    def lying(self, ndim: int) -> int:
        """Return the axis of ``γ`` and ``β``."""
        return 1

    def infer_shape(self, data: Shape, *_: Shape | None) -> Inferred:
        size = data[self.lying(len(data))]
        return (data, (size,), (size,)), self.shapes(data)

    def shapes(self, data: Shape) -> Any:
        """Return the shape of the output, or those of all outputs."""
        return data

    def forward(self, run: Run, data: Array, gamma: Array, beta: Array) -> Any:
        x = self.grouped(data)
        over, axis = self.over(x.ndim), self.lying(x.ndim)
        mean = x.mean(axis=over, keepdims=True)
        centred = x - mean
        deviation = run.xp.sqrt((centred * centred).mean(axis=over, keepdims=True) + self.eps)  # type: ignore[attr-defined]
        run.kept = centred / deviation, deviation
        found = run.kept[0] * along(axis, x.ndim, gamma) + along(axis, x.ndim, beta)
        return self.returned(found.reshape(data.shape), mean, deviation)

    def returned(self, found: Array, mean: Array, deviation: Array) -> Any:
        """Return the output, or all outputs."""
        return found

    def backward(self, run: Run, grad: Any, data: Array, gamma: Array, beta: Array) -> tuple[Array | None, ...]:
        normalized, deviation = run.kept
        x = self.grouped(data)
        over, axis = self.over(x.ndim), self.lying(x.ndim)
        grad = (grad[0] if isinstance(grad, list) else grad).reshape(x.shape)
        others = axes_but(axis, x.ndim)
        for_gamma, for_beta = (grad * normalized).sum(axis=others), grad.sum(axis=others)
        scaled = grad * along(axis, x.ndim, gamma)
        along_mean = scaled.mean(axis=over, keepdims=True)
        along_x = (scaled * normalized).mean(axis=over, keepdims=True)
        for_data = (scaled - along_mean - normalized * along_x) / deviation
        return for_data.reshape(data.shape), for_gamma, for_beta


@register()
@attrs.frozen
class LayerNorm(_Normalized):
    """Layer normalisation, ``y = γ (x - μ) / √(σ² + eps) + β``, with mean and variance over one axis.

    Args:
        data: ``x``, of any shape.
        gamma: ``γ``, of shape ``(size,)``, for the elements along the axis.
        beta: ``β``, of shape ``(size,)``.
        axis: the axis.
        eps: added inside the root, above 0.
        output_mean_var: whether the mean and the deviation ``√(σ² + eps)`` are outputs, too; they pass no gradient.

    Returns:
        ``y``, in the shape of ``x``.

    Example:
        >>> import mxcore as mx
        >>> mx.symbol.LayerNorm(mx.symbol.Variable("data"), name="ln").infer_shape(data=(32, 10))[0]
        [(32, 10), (10,), (10,)]

    References:
        Ba, Kiros and Hinton, "Layer normalization", 2016.
    """

    axis: int = hyperparameter(-1, any_integer)
    eps: float = hyperparameter(1e-5, positive)
    output_mean_var: bool = hyperparameter(False, boolean)

    def output_names(self) -> tuple[str, ...]:
        return ("output", "mean", "std") if self.output_mean_var else ("output",)

    def over(self, ndim: int) -> tuple[int, ...]:
        return reduced_axes(ndim, self.axis)

    def lying(self, ndim: int) -> int:
        return self.over(ndim)[0]

    def shapes(self, data: Shape) -> Any:
        axis = self.lying(len(data))
        return [data, *[(*data[:axis], 1, *data[axis + 1 :])] * 2] if self.output_mean_var else data

    def returned(self, found: Array, mean: Array, deviation: Array) -> Any:
        return [found, mean, deviation] if self.output_mean_var else found


@register()
@attrs.frozen
class InstanceNorm(_Normalized):
    """Instance normalisation, ``y = γ (x - μ) / √(σ² + eps) + β``, with mean and variance of each channel of an image.

    Args:
        data: ``x``, of shape ``(batch, channels, *spatial)``.
        gamma: ``γ``, of shape ``(channels,)``.
        beta: ``β``, of shape ``(channels,)``.
        eps: added inside the root, above 0.

    Returns:
        ``y``, in the shape of ``x``.

    Example:
        >>> import mxcore as mx
        >>> x = mx.symbol.Variable("x")
        >>> mx.symbol.InstanceNorm(x).infer_shape(x=(2, 3, 8, 8))[1]
        [(2, 3, 8, 8)]

    References:
        Ulyanov, Vedaldi and Lempitsky, "Instance normalization", 2016.
    """

    eps: float = hyperparameter(1e-3, positive)

    def over(self, ndim: int) -> tuple[int, ...]:
        return tuple(range(2, ndim))

    def infer_shape(self, data: Shape, *_: Shape | None) -> Inferred:
        if len(data) < 3:
            raise ShapeError(f"data must have shape (batch, channels, ...) with at least one size more, got {data}")
        return super().infer_shape(data)


@register()
@attrs.frozen
class GroupNorm(_Normalized):
    """Group normalisation, ``y = γ (x - μ) / √(σ² + eps) + β``, with mean and variance of each group of channels.

    Args:
        data: ``x``, of shape ``(batch, channels, ...)``.
        gamma: ``γ``, of shape ``(num_groups,)``.
        beta: ``β``, of shape ``(num_groups,)``.
        num_groups: the number of groups, which divides the channels.
        eps: added inside the root, above 0.

    Returns:
        ``y``, in the shape of ``x``.

    Example:
        >>> import mxcore as mx
        >>> x = mx.symbol.Variable("x")
        >>> mx.symbol.GroupNorm(x, num_groups=2).infer_shape(x=(2, 4, 8, 8))[1]
        [(2, 4, 8, 8)]

    References:
        Wu and He, "Group normalization", 2018.
    """

    num_groups: int = hyperparameter(1, integer(at_least=1))
    eps: float = hyperparameter(1e-5, positive)

    def grouped(self, data: Array) -> Array:
        return data.reshape(data.shape[0], self.num_groups, -1)

    def over(self, ndim: int) -> tuple[int, ...]:
        return (2,)

    def infer_shape(self, data: Shape, *_: Shape | None) -> Inferred:
        if len(data) < 3 or data[1] % self.num_groups:
            raise ShapeError(f"num_groups={self.num_groups} must divide the channels of data (batch, channels, ...), "
                             f"got {data}")  # fmt: skip
        return (data, (self.num_groups,), (self.num_groups,)), data


@register()
@attrs.frozen
class L2Normalization(Operator):
    """Divides by the L2 norm, ``y = x / √(Σ x² + eps)``.

    Args:
        data: ``x``, of shape ``(batch, channels, ...)``.
        eps: added inside the root.
        mode: what the sum is over: ``"instance"``, each row; ``"channel"``, the channels; ``"spatial"``, the axes after
            the channels.

    Returns:
        ``y``, in the shape of ``x``.

    Example:
        >>> import mxcore as mx
        >>> x = mx.symbol.Variable("x")
        >>> mx.symbol.L2Normalization(x).infer_shape(x=(2, 3))[1]
        [(2, 3)]
    """

    eps: float = hyperparameter(1e-10, number)
    mode: str = hyperparameter("instance", one_of("instance", "channel", "spatial"))

    def infer_shape(self, data: Shape) -> Inferred:
        if len(data) < (2 if self.mode == "instance" else 3):
            raise ShapeError(f"mode={self.mode!r} needs data with more axes, got {data}")
        return (data,), data

    def _over(self, ndim: int) -> tuple[int, ...]:
        starts = {"instance": (1, ndim), "channel": (1, 2), "spatial": (2, ndim)}
        return tuple(range(*starts[self.mode]))

    def forward(self, run: Run, data: Array) -> Array:
        run.kept = run.xp.sqrt((data * data).sum(axis=self._over(data.ndim), keepdims=True) + self.eps)
        return data / run.kept

    def backward(self, run: Run, grad: Array, data: Array) -> tuple[Array | None, ...]:
        y = run.output
        return ((grad - y * (grad * y).sum(axis=self._over(data.ndim), keepdims=True)) / run.kept,)


@register()
@attrs.frozen
class LRN(Operator):
    """Local response normalisation, ``y = x / (knorm + alpha / nsize · Σ x²) ^ beta``, summed over nearby channels.

    Args:
        data: ``x``, of shape ``(batch, channels, ...)``.
        alpha: the factor of the sum.
        beta: the exponent.
        knorm: the constant.
        nsize: the number of channels in the sum, which is odd.

    Returns:
        ``y``, in the shape of ``x``.

    Example:
        >>> import mxcore as mx
        >>> x = mx.symbol.Variable("x")
        >>> mx.symbol.LRN(x, nsize=5).infer_shape(x=(2, 16, 8, 8))[1]
        [(2, 16, 8, 8)]

    References:
        Krizhevsky, Sutskever and Hinton, "ImageNet classification with deep convolutional neural networks", 2012.
    """

    alpha: float = hyperparameter(1e-4, number)
    beta: float = hyperparameter(0.75, number)
    knorm: float = hyperparameter(2.0, number)
    nsize: int = hyperparameter(integer(at_least=1), kw_only=True)

    def infer_shape(self, data: Shape) -> Inferred:
        if len(data) < 2 or self.nsize % 2 == 0:
            raise ShapeError(f"data must have channels, and nsize must be odd, got {data} and {self.nsize}")
        return (data,), data

    def _nearby(self, xp: Any, array: Array) -> Array:
        """Return the sums over nearby channels."""
        total, channels = xp.zeros_like(array), array.shape[1]
        for shift in range(-(self.nsize // 2), self.nsize // 2 + 1):
            if abs(shift) < channels:
                total[:, max(0, -shift) : channels - max(0, shift)] += array[
                    :, max(0, shift) : channels + min(0, shift)
                ]
        return total

    def forward(self, run: Run, data: Array) -> Array:
        run.kept = self.knorm + self.alpha / self.nsize * self._nearby(run.xp, data * data)
        return data * run.kept**-self.beta

    def backward(self, run: Run, grad: Array, data: Array) -> tuple[Array | None, ...]:
        powers = run.kept**-self.beta
        nearby = self._nearby(run.xp, grad * data * powers / run.kept)
        return (grad * powers - 2 * self.alpha * self.beta / self.nsize * data * nearby,)
