"""Weights of a given value, for mxcore."""

from typing import Any

import numpy as np
import numpy.typing as npt

from mxcore import hyperparameter, hyperparameters
from mxcore.backend import backend_of
from mxcore.initializer import Initializer
from mxcore.random import Generator

__all__ = ["Constant"]


@hyperparameters
class Constant(Initializer):
    """Sets every weight to ``value``.

    .. math::

        w = value

    >>> import numpy as np, mxcore as mx
    >>> weight = np.empty((2, 3))
    >>> mx.init.Constant([1, 2, 3])("fc_weight", weight)
    >>> weight
    array([[1., 2., 3.],
           [1., 2., 3.]])

    Arrays may have any shape that ``value`` broadcasts to, and any floating dtype.

    Args:
        value: a number, or a list or array (NumPy or CuPy) that broadcasts to the shape of the weight.

    Raises:
        ValueError: ``value`` is not numeric, or does not broadcast to the weight; the message has both shapes.

    When to use it: a known value, or an array of values. When not: the weights of a layer with several units, which
    would stay equal.

    References:
        T. Chen et al., "MXNet: a flexible and efficient machine learning library for heterogeneous distributed
        systems", 2015, https://arxiv.org/abs/1512.01274

    Differs from MXNet 1.9.1: ``dumps()`` has no side effects (there it changes the arguments, so that the second call
    fails for arrays), and the error for a value that does not fit shows both shapes.
    """

    family = "fixed"
    examples = ({"value": 0.5}, {"value": [0.5]})

    value: Any = hyperparameter()

    def __attrs_post_init__(self) -> None:
        if self._numbers().dtype.kind not in "fiub":
            raise ValueError(f"value must be a number or an array of numbers, got {self.value!r}")

    def values(self, desc: str, shape: tuple[int, ...], rng: Generator) -> npt.ArrayLike:
        numbers = self._numbers()
        try:
            return np.broadcast_to(numbers, shape)
        except ValueError:
            raise ValueError(f"{str(desc)!r} has shape {shape}: value {numbers.shape} does not broadcast") from None

    def _numbers(self) -> npt.NDArray[Any]:
        on_host = self.value if not hasattr(self.value, "dtype") else backend_of(self.value).to_host(self.value)
        return np.asarray(on_host)
