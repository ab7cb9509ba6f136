"""Initializers whose variance depends on the fans of a layer, and the gain of a nonlinearity."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import numpy.typing as npt

from mxcore import random
from mxcore.declarations import hyperparameter, hyperparameters
from mxcore.initializer import Initializer
from mxcore.random.truncated import WITHIN_TWO
from mxcore.validators import Validator, boolean, integer

__all__ = ["GAINS", "FanInitializer", "gain"]

Axes: TypeAlias = tuple[int | tuple[int, ...], int | tuple[int, ...]]

_LINEAR = ("linear", "sigmoid", *(f"conv{part}{n}d" for part in ("", "_transpose") for n in (1, 2, 3)))
GAINS = {**dict.fromkeys(_LINEAR, 1.0), "tanh": 5 / 3, "relu": 2**0.5, "leaky_relu": None, "selu": 0.75}
"""The gains of nonlinearities by name; None where it depends on a parameter."""


def gain(nonlinearity: str, negative_slope: float = 0.01) -> float:
    r"""Return the factor by which weights must be larger because of the nonlinearity that follows.

    ============================================  =================================================
    linear, convolutions, sigmoid                 1
    tanh                                          5/3
    relu                                          :math:`\sqrt 2`
    leaky_relu with slope :math:`a`               :math:`\sqrt{2 / (1 + a^2)}`
    selu                                          3/4
    ============================================  =================================================

    These are the values of ``torch.nn.init.calculate_gain``. Use it wherever a class takes a gain or a scale:

    >>> import mxcore as mx
    >>> mx.init.create("orthogonal", scale=mx.init.gain("tanh")).scale
    1.6666666666666667

    Args:
        nonlinearity: one of the names above; ``"conv1d"`` to ``"conv_transpose3d"`` for convolutions.
        negative_slope: the slope of a leaky ReLU for negative inputs.

    Raises:
        ValueError: the nonlinearity is unknown.
    """
    if nonlinearity not in GAINS:
        raise ValueError(f"nonlinearity must be one of {', '.join(map(repr, GAINS))}, got {nonlinearity!r}")
    known = GAINS[nonlinearity]
    return math.sqrt(2 / (1 + negative_slope**2)) if known is None else known


def _are_axes(value: Any) -> bool:
    if value is None:
        return True
    if not (isinstance(value, tuple) and len(value) == 2):
        return False
    flat = [axis for part in value for axis in (part if isinstance(part, tuple) else (part,))]
    return all(type(axis) is int for axis in flat) and () not in value and len(set(flat)) == len(flat)


_axes = Validator("None or (output axes, input axes), each an integer or a tuple of integers", _are_axes)


@hyperparameters
class FanInitializer(Initializer):
    r"""Base class of initializers whose variance depends on the fans: the number of inputs and outputs of a unit.

    A weight of shape (out, in, k1, k2, …) has :math:`fan_{in} = in \cdot k_1 k_2 \cdots` and
    :math:`fan_{out} = out \cdot k_1 k_2 \cdots`. A subclass defines :meth:`law`.

    >>> import mxcore as mx
    >>> kernel = mx.init.Xavier(transposed=True)
    >>> [kernel.fan(kind, (3, 8, 5, 5)) for kind in ("in", "out", "avg")]
    [75.0, 200, 137.5]

    Other libraries have other axes: with the last two for inputs and outputs, as in Keras and JAX,

    >>> mx.init.Xavier(axes=(-1, -2)).fan("in", (5, 5, 3, 8))
    75

    Args:
        transposed: whether the weight has the shape (in, out, k1, k2, …), as in a transposed convolution, which swaps
            the two fans.
        groups: the number of groups of a grouped convolution. Its weight has all output channels (all input channels,
            if transposed), but only one group's channels on the other axis.
        axes: the axes of the outputs and of the inputs, each an integer or a tuple of them. By default, ``(0, 1)``, or
            ``(1, 0)`` if transposed.
    """

    transposed: bool = hyperparameter(False, boolean, kw_only=True)
    groups: int = hyperparameter(1, integer(at_least=1), kw_only=True)
    axes: Axes | None = hyperparameter(None, _axes, kw_only=True)

    if TYPE_CHECKING:  # the constructor is generated from the hyper-parameters of each class

        def __init__(self, *args: Any, **kwargs: Any) -> None: ...

    def law(self, shape: tuple[int, ...]) -> tuple[str, float]:
        """Return the distribution of a weight of this shape and its variance; override this in a subclass.

        The distribution is ``"normal"``, ``"uniform"`` or ``"truncated_normal"``, at two standard deviations.
        """
        raise NotImplementedError(f"{type(self).__name__} must define law(shape)")

    def values(self, desc: str, shape: tuple[int, ...], rng: random.Generator) -> npt.ArrayLike:
        """Draw the values of a weight.

        Raises:
            ValueError: the fans of a weight of this shape are undefined.
        """
        self.check_shape(desc, shape)
        if 0 in shape:
            return np.empty(shape)  # its fans may be 0
        distribution, variance = self.law(shape)
        if distribution == "uniform":
            bound = math.sqrt(3 * variance)
            return rng.uniform(-bound, bound, shape)
        deviation = math.sqrt(variance)
        if distribution == "truncated_normal":
            return rng.truncated_normal(0, deviation / WITHIN_TWO, size=shape)
        return rng.normal(0, deviation, shape)

    def moments(self, shape: tuple[int, ...]) -> tuple[float, float]:
        """Return the mean, which is 0, and the standard deviation of a weight's values."""
        return 0.0, math.sqrt(self.law(shape)[1])

    def check_shape(self, desc: str, shape: tuple[int, ...]) -> None:
        """Raise a ValueError if the fans of a weight of this shape are undefined."""
        if len(shape) < 2:
            who = type(self).__name__
            raise ValueError(f"{who} needs at least two axes, (out, in, …): {str(desc)!r} has shape {shape}")
        given = [axis for part in self._axes() for axis in part]
        different = {axis % len(shape) for axis in given if -len(shape) <= axis < len(shape)}
        if len(different) < len(given):
            raise ValueError(f"{str(desc)!r} has shape {shape}, of which axes={self.axes} are not different axes")
        divided = self._axes()[1 if self.transposed else 0]
        if math.prod(shape[axis] for axis in divided) % self.groups:
            which = "input" if self.transposed else "output"
            raise ValueError(
                f"{str(desc)!r} has shape {shape}, whose {which} channels are not divisible by groups={self.groups}"
            )

    def fan(self, kind: str, shape: tuple[int, ...]) -> float:
        """Return a fan of a weight of this shape: ``"in"``, ``"out"`` or their mean, ``"avg"``.

        Also accepts ``"fan_in"``, ``"fan_out"`` and ``"fan_avg"``.
        """
        size = math.prod(shape)
        outputs, inputs = (math.prod(shape[axis] for axis in axes) for axes in self._axes())
        kernel = size // (outputs * inputs) if size else 0
        fans = [inputs * kernel, outputs * kernel]
        fan_in, fan_out = (fans[0] / self.groups, fans[1]) if self.transposed else (fans[0], fans[1] / self.groups)
        return {"avg": (fan_in + fan_out) / 2, "in": fan_in, "out": fan_out}[kind.removeprefix("fan_")]

    def _axes(self) -> tuple[tuple[int, ...], ...]:
        """Return the axes of outputs and inputs."""
        axes = self.axes or ((1, 0) if self.transposed else (0, 1))
        return tuple(part if isinstance(part, tuple) else (part,) for part in axes)
