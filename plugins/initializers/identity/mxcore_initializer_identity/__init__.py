"""Identity matrices, for mxcore."""

import numpy as np
import numpy.typing as npt

from mxcore import hyperparameter, hyperparameters, number
from mxcore.initializer import Initializer
from mxcore.random import Generator

__all__ = ["Identity"]


@hyperparameters
class Identity(Initializer):
    r"""A matrix with the same number on its diagonal, and 0 elsewhere: the layer hands its input on.

    .. math::

        w_{ij} = gain \text{ if } i = j \text{ else } 0

    >>> import numpy as np, mxcore as mx
    >>> weight = np.empty((2, 3))
    >>> mx.init.Identity(gain=0.5)("fc_weight", weight)
    >>> weight
    array([[0.5, 0. , 0. ],
           [0. , 0.5, 0. ]])

    Arrays have two axes, of any sizes, and any floating or complex dtype. Nothing is random. For convolutions, see
    :class:`~mxcore.initializer.Dirac`.

    Args:
        gain: the number on the diagonal.

    Raises:
        ValueError: the array has not two axes.

    When to use it: recurrent networks of ReLUs, and layers that are added to a trained network. When not: other layers,
    in which all units should differ.

    References:
        Q. V. Le, N. Jaitly and G. E. Hinton, "A simple way to initialize recurrent networks of rectified linear units",
        2015, https://arxiv.org/abs/1504.00941

    Differs from MXNet 1.9.1: MXNet has no Identity. This is ``Identity`` of Keras and, with a gain of 1, torch's
    ``eye_``.
    """

    family = "fixed"
    examples = ({}, {"gain": 2.5})

    gain: float = hyperparameter(1.0, number)

    def values(self, desc: str, shape: tuple[int, ...], rng: Generator) -> npt.ArrayLike:
        if len(shape) != 2:
            raise ValueError(f"Identity needs two axes: {str(desc)!r} has shape {shape}")
        return self.gain * np.eye(*shape)
