"""Activations."""

# ruff: noqa: D102  # the methods are those of Operator, and the class's docstring says what they compute

from __future__ import annotations

import math
from typing import Any

import attrs

from mxcore import hyperparameter, number, one_of
from mxcore.backend import Array
from mxcore_module.operators.base import Inferred, Operator, Run, Shape, ShapeError, along, axes_but, register
from mxcore_module.operators.functions import FUNCTIONS
from mxcore_module.operators.special import erf

__all__ = ["Activation", "LeakyReLU"]

_SELU = 1.0507009873554804934193349852946, 1.6732632423543772848170429916717  # the scale, and α; Klambauer et al., 2017
ACTIVATIONS = ("relu", "sigmoid", "tanh", "softrelu", "softsign")


@register()
@attrs.frozen
class Activation(Operator):
    """An element-wise function, ``y = f(x)``.

    Args:
        data: ``x``, of any shape.
        act_type: ``"relu"``, max(x, 0), whose derivative at 0 is 0; ``"sigmoid"``, 1 / (1 + e⁻ˣ); ``"tanh"``;
            ``"softrelu"``, log(1 + eˣ); ``"softsign"``, x / (1 + |x|).

    Returns:
        ``y``, in the shape of ``x``.

    Example:
        >>> import mxcore as mx
        >>> mx.symbol.Activation(mx.symbol.Variable("data"), act_type="relu", name="relu1").list_outputs()
        ['relu1_output']
    """

    partial = True

    def infer_inputs(self, output: Shape, *shapes: Shape | None) -> tuple[Shape | None, ...]:
        return (output,) * len(shapes)

    act_type: str = hyperparameter(one_of(*ACTIVATIONS))

    def infer_shape(self, data: Shape) -> Inferred:
        return (data,), data

    def forward(self, run: Run, data: Array) -> Array:
        return FUNCTIONS[self.act_type].value(run.xp, data)

    def backward(self, run: Run, grad: Array, data: Array) -> tuple[Array | None, ...]:
        return (FUNCTIONS[self.act_type].pulled(run.xp, grad, data, run.output),)


@register()
@attrs.frozen
class LeakyReLU(Operator):
    """A rectifier that is not 0 below 0: ``y = x`` for x > 0, and below it a function that ``act_type`` chooses.

    Args:
        data: ``x``, of any shape; for ``"prelu"`` ``(batch, channels, ...)``.
        gamma: for ``"prelu"`` the slopes, one per channel, of shape ``(channels,)`` or ``(1,)``; they start at 0.25.
        act_type: ``"leaky"``, ``slope · x``; ``"prelu"``, ``gamma · x``; ``"elu"``, ``slope · (eˣ - 1)``; ``"selu"``,
            ``1.0507 · 1.6733 · (eˣ - 1)``, and ``1.0507 x`` above 0; ``"gelu"``, ``x Φ(x)`` everywhere, with the
            distribution function Φ of a normal variable; ``"rrelu"``, ``a x`` with ``a`` drawn for each element in
            training, and the mean otherwise.
        slope: the slope of ``"leaky"`` and ``"elu"``.
        lower_bound: the least slope of ``"rrelu"``.
        upper_bound: the largest slope of ``"rrelu"``.

    Returns:
        ``y``, in the shape of ``x``.

    Example:
        >>> import mxcore as mx
        >>> layer = mx.symbol.LeakyReLU(mx.symbol.Variable("data"), act_type="prelu", name="act")
        >>> layer.list_arguments(), layer.attr_dict()["act_gamma"]
        (['data', 'act_gamma'], {'__init__': '["constant", {"value": 0.25}]'})
    """

    inputs = ("data", "gamma")
    initializers = {"gamma": '["constant", {"value": 0.25}]'}

    act_type: str = hyperparameter("leaky", one_of("elu", "gelu", "leaky", "prelu", "rrelu", "selu"))
    slope: float = hyperparameter(0.25, number)
    lower_bound: float = hyperparameter(0.125, number)
    upper_bound: float = hyperparameter(0.334, number)

    def input_names(self) -> tuple[str, ...]:
        return self.inputs if self.act_type == "prelu" else self.inputs[:1]

    def infer_shape(self, data: Shape, gamma: Shape | None = None) -> Inferred:
        if self.act_type != "prelu":
            return (data,), data
        if len(data) < 2:
            raise ShapeError(f"data must have shape (batch, channels, ...), got {data}")
        return (data, (1,) if gamma == (1,) else data[1:2]), data

    def forward(self, run: Run, data: Array, gamma: Array = None) -> Array:
        xp = run.xp
        if self.act_type == "gelu":
            run.kept = 0.5 * (1 + erf(xp, data / math.sqrt(2)))
            return data * run.kept
        if self.act_type in ("elu", "selu"):
            scale, below = (1.0, self.slope) if self.act_type == "elu" else (_SELU[0], math.prod(_SELU))
            return xp.where(data > 0, scale * data, below * xp.expm1(xp.minimum(data, 0)))
        run.kept = self._slope(run, data, gamma)
        return xp.where(data > 0, data, run.kept * data)

    def _slope(self, run: Run, data: Array, gamma: Array) -> Any:
        if self.act_type == "prelu":
            return along(1, data.ndim, gamma)
        if self.act_type == "rrelu":
            low, high = self.lower_bound, self.upper_bound
            drawn = run.uniform(data.shape).astype(data.dtype) if run.training else 0.5
            return low + (high - low) * drawn
        return self.slope

    def backward(self, run: Run, grad: Array, data: Array, gamma: Array = None) -> tuple[Array | None, ...]:
        xp = run.xp
        if self.act_type == "gelu":
            return (grad * (run.kept + data * xp.exp(-0.5 * data * data) / math.sqrt(2 * math.pi)),)
        if self.act_type in ("elu", "selu"):
            scale, below = (1.0, self.slope) if self.act_type == "elu" else (_SELU[0], math.prod(_SELU))
            return (grad * xp.where(data > 0, scale, run.output + below).astype(data.dtype),)
        for_data = xp.where(data > 0, grad, run.kept * grad)
        if gamma is None:
            return (for_data,)
        for_gamma = grad * xp.minimum(data, 0)
        others = axes_but(1, data.ndim) if gamma.size > 1 or data.shape[1] == 1 else tuple(range(data.ndim))
        return for_data, for_gamma.sum(axis=others).reshape(gamma.shape)
