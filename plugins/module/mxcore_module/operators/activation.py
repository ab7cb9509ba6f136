"""Element-wise functions."""

# ruff: noqa: D102  # the methods are those of Operator, and the class's docstring says what they compute

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import attrs

from mxcore import hyperparameter, number, one_of
from mxcore.backend import Array
from mxcore_module.operators.base import Inferred, Operator, Run, Shape, ShapeError, along, axes_but, register

__all__ = ["Activation", "LeakyReLU", "sigmoid"]


def sigmoid(xp: Any, x: Array) -> Array:
    """Return ``1 / (1 + e⁻ˣ)``, as ``exp(-log(1 + e⁻ˣ))``, which neither overflows nor loses small values."""
    return xp.exp(-xp.logaddexp(0, -x))


@attrs.frozen
class _Function:
    """A function ``y`` of ``x``, and its derivative in terms of ``y``; both take the array library first."""

    value: Callable[[Any, Array], Array]
    slope: Callable[[Any, Array], Array]


FUNCTIONS = {
    "relu": _Function(lambda xp, x: xp.maximum(x, 0), lambda _, y: y > 0),
    "sigmoid": _Function(sigmoid, lambda _, y: y * (1 - y)),
    "tanh": _Function(lambda xp, x: xp.tanh(x), lambda _, y: 1 - y * y),
    "softrelu": _Function(lambda xp, x: xp.logaddexp(x, 0), lambda xp, y: -xp.expm1(-y)),
    "softsign": _Function(lambda _, x: x / (1 + abs(x)), lambda _, y: (1 - abs(y)) ** 2),
}


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

    act_type: str = hyperparameter(one_of(*FUNCTIONS))

    def infer_shape(self, data: Shape) -> Inferred:
        return (data,), data

    def forward(self, run: Run, data: Array) -> Array:
        return FUNCTIONS[self.act_type].value(run.xp, data)

    def backward(self, run: Run, grad: Array, data: Array) -> tuple[Array | None, ...]:
        return (grad * FUNCTIONS[self.act_type].slope(run.xp, run.output),)


@register()
@attrs.frozen
class LeakyReLU(Operator):
    """A rectifier with slope ``a`` below 0: ``y = x`` for x > 0, else ``a x``.

    Args:
        data: ``x``, of any shape; for ``"prelu"`` ``(batch, channels, ...)``.
        gamma: for ``"prelu"`` the slopes, one per channel, of shape ``(channels,)``; they start at 0.25.
        act_type: ``"leaky"`` if ``a`` is ``slope``, or ``"prelu"`` if it is learned.
        slope: the slope of ``"leaky"``.

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

    act_type: str = hyperparameter("leaky", one_of("leaky", "prelu"))
    slope: float = hyperparameter(0.25, number)

    def input_names(self) -> tuple[str, ...]:
        return self.inputs if self.act_type == "prelu" else self.inputs[:1]

    def infer_shape(self, data: Shape, *_: Shape | None) -> Inferred:
        if self.act_type == "leaky":
            return (data,), data
        if len(data) < 2:
            raise ShapeError(f"data must have shape (batch, channels, ...), got {data}")
        return (data, data[1:2]), data

    def forward(self, run: Run, data: Array, gamma: Array = None) -> Array:
        slope = self.slope if gamma is None else along(1, data.ndim, gamma)
        return run.xp.where(data > 0, data, slope * data)

    def backward(self, run: Run, grad: Array, data: Array, gamma: Array = None) -> tuple[Array | None, ...]:
        if gamma is None:
            return (run.xp.where(data > 0, grad, self.slope * grad),)
        for_data = run.xp.where(data > 0, grad, along(1, data.ndim, gamma) * grad)
        for_gamma = (grad * run.xp.minimum(data, 0)).sum(axis=axes_but(1, data.ndim))
        return for_data, for_gamma
