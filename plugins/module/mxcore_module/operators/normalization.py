"""Layers that behave differently during training: batch normalisation and dropout."""

# ruff: noqa: D102  # the methods are those of Operator, and the class's docstring says what they compute

from __future__ import annotations

from typing import Any

import attrs

from mxcore import boolean, hyperparameter, in_range, number, one_of, optional, positive
from mxcore.backend import Array
from mxcore_module.operators.base import Inferred, Operator, Run, Shape, ShapeError, along, axes_but, register
from mxcore_module.operators.structure import any_integer
from mxcore_module.operators.windows import sizes

__all__ = ["BatchNorm", "Dropout"]


@register()
@attrs.frozen
class BatchNorm(Operator):
    """Batch normalisation, ``y = γ (x - μ) / √(σ² + eps) + β``, for each channel.

    During training, ``μ`` and ``σ²`` are the mean and variance (over n, not n - 1) of the batch, and the forward pass
    moves the auxiliary states towards them, ``moving ← momentum · moving + (1 - momentum) · batch``. Otherwise, or
    with ``use_global_stats``, they are the moving averages.

    Args:
        data: ``x``, of shape ``(batch, channels, ...)``.
        gamma: ``γ``, of shape ``(channels,)``. With ``fix_gamma``, training keeps it at 1, and its gradient is 0.
        beta: ``β``, of shape ``(channels,)``.
        moving_mean: auxiliary state, of shape ``(channels,)``; it starts at 0.
        moving_var: auxiliary state, of shape ``(channels,)``; it starts at 1.
        eps: added inside the root, above 0.
        momentum: the fraction of the moving averages that is kept, in [0, 1].
        fix_gamma: whether ``γ`` is always 1.
        use_global_stats: whether even training uses the moving averages, without updating them.
        axis: the axis of the channels.
        output_mean_var: whether the mean and ``1 / √(σ² + eps)`` are outputs, too; they pass no gradient.
        cudnn_off, min_calib_range, max_calib_range: accepted for MXNet's sake, without effect.

    Returns:
        ``y``, in the shape of ``x``.

    Example:
        >>> import mxcore as mx
        >>> layer = mx.symbol.BatchNorm(mx.symbol.Variable("data"), name="bn")
        >>> layer.list_arguments(), layer.list_auxiliary_states()
        (['data', 'bn_gamma', 'bn_beta'], ['bn_moving_mean', 'bn_moving_var'])

    References:
        Ioffe and Szegedy, "Batch normalization", 2015.
    """

    inputs = ("data", "gamma", "beta")
    partial = True
    auxiliaries = ("moving_mean", "moving_var")
    initializers = {"moving_mean": '["zero", {}]', "moving_var": '["one", {}]'}

    eps: float = hyperparameter(1e-3, positive)
    momentum: float = hyperparameter(0.9, in_range(0, 1))
    fix_gamma: bool = hyperparameter(True, boolean)
    use_global_stats: bool = hyperparameter(False, boolean)
    output_mean_var: bool = hyperparameter(False, boolean)
    axis: int = hyperparameter(1, any_integer)
    cudnn_off: bool = hyperparameter(False, boolean)
    min_calib_range: float | None = hyperparameter(None, optional(number))
    max_calib_range: float | None = hyperparameter(None, optional(number))

    def output_names(self) -> tuple[str, ...]:
        return ("output", "mean", "var") if self.output_mean_var else ("output",)

    def infer_shape(self, data: Shape, *_: Shape | None) -> Inferred:
        if not -len(data) <= self.axis < len(data):
            raise ShapeError(f"data of shape {data} has no axis {self.axis} for the channels: set axis=")
        channels = (data[self.axis],)
        outputs = [data, channels, channels] if self.output_mean_var else data
        return (data, channels, channels, channels, channels), outputs

    def forward(self, run: Run, data: Array, gamma: Array, beta: Array, moving_mean: Array, moving_var: Array) -> Any:
        mean, variance = moving_mean, moving_var
        if self._uses_batch(run):
            others = axes_but(self.axis % data.ndim, data.ndim)
            mean, variance = data.mean(axis=others), data.var(axis=others)
            moving_mean[...] = self.momentum * moving_mean + (1 - self.momentum) * mean
            moving_var[...] = self.momentum * moving_var + (1 - self.momentum) * variance
        if self.fix_gamma and run.training:
            gamma[...] = 1
        scale = 1 / run.xp.sqrt(variance + self.eps)
        normalized = (data - self._along(data, mean)) * self._along(data, scale)
        run.kept = normalized, scale
        scaled = normalized if self.fix_gamma else self._along(data, gamma) * normalized
        found = scaled + self._along(data, beta)
        return [found, mean, scale] if self.output_mean_var else found

    def backward(
        self, run: Run, grad: Any, data: Array, gamma: Array, beta: Array, moving_mean: Array, moving_var: Array
    ) -> tuple[Array | None, ...]:
        normalized, scale = run.kept
        grad = grad[0] if self.output_mean_var else grad
        others = axes_but(self.axis % data.ndim, data.ndim)
        for_gamma, for_beta = (grad * normalized).sum(axis=others), grad.sum(axis=others)
        for_data = grad
        if self._uses_batch(run):
            count = data.size // data.shape[self.axis]
            for_data = grad - (self._along(data, for_beta) + normalized * self._along(data, for_gamma)) / count
        for_data = for_data * self._along(data, scale if self.fix_gamma else gamma * scale)
        return for_data, run.xp.zeros_like(gamma) if self.fix_gamma else for_gamma, for_beta, None, None

    def _uses_batch(self, run: Run) -> bool:
        return run.training and not self.use_global_stats

    def _along(self, data: Array, vector: Array) -> Array:
        return along(self.axis % data.ndim, data.ndim, vector)


@register()
@attrs.frozen
class Dropout(Operator):
    """Dropout: during training, sets each element to 0 with probability ``p``, and divides the others by ``1 - p``.

    The mask is drawn on the host, so a seed gives the same mask on every device. It depends on the name of the node
    and on the number of masks drawn before.

    Args:
        data: ``x``, of any shape.
        p: the probability of a 0, in [0, 1).
        mode: ``"training"``, or ``"always"`` to apply it in prediction as well.
        axes: axes along which all elements share one place in the mask.
        cudnn_off: accepted for MXNet's sake, without effect.

    Returns:
        The result, in the shape of ``x``; ``x`` itself outside training.

    Example:
        >>> import mxcore as mx
        >>> mx.symbol.Dropout(mx.symbol.Variable("data"), p=0.2, name="drop").infer_shape(data=(32, 10))[1]
        [(32, 10)]

    References:
        Srivastava et al., "Dropout", 2014.
    """

    p: float = hyperparameter(0.5, in_range(0, 1, right_open=True))
    mode: str = hyperparameter("training", one_of("training", "always"))
    axes: tuple[int, ...] = hyperparameter((), sizes)
    cudnn_off: bool = hyperparameter(False, boolean)

    def infer_shape(self, data: Shape) -> Inferred:
        return (data,), data

    def forward(self, run: Run, data: Array) -> Array:
        if self.p == 0 or not (run.training or self.mode == "always"):
            return data
        shape = tuple(1 if axis in self.axes else size for axis, size in enumerate(data.shape))
        run.kept = (run.uniform(shape) >= self.p).astype(data.dtype) / (1 - self.p)
        return data * run.kept

    def backward(self, run: Run, grad: Array, data: Array) -> tuple[Array | None, ...]:
        return (grad if run.kept is None else grad * run.kept,)
