"""LSTM biases with an open forget gate, for mxcore."""

import numpy as np
import numpy.typing as npt

from mxcore import hyperparameter, hyperparameters, number
from mxcore.initializer import Initializer
from mxcore.random import Generator

__all__ = ["LSTMBias"]


@hyperparameters
class LSTMBias(Initializer):
    r"""Sets the biases of an LSTM to 0, except those of the forget gate, so that cells remember from the start.

    A bias holds the gates :math:`i, f, c, o` one after the other, all of the same size:

    .. math::

        b_i = b_c = b_o = 0, \qquad b_f = forget\_bias

    Every initializer gives 0 to names that end in ``bias``. So use this one as the parameter's own initializer, with
    ``Variable(init=LSTMBias())`` or

    >>> import numpy as np, mxcore as mx
    >>> desc = mx.init.InitDesc("lstm_i2h_bias", {"__init__": mx.init.LSTMBias().dumps()})
    >>> bias = np.empty(8)
    >>> mx.init.create("lstmbias")(desc, bias)
    >>> bias
    array([0., 0., 1., 1., 0., 0., 0., 0.])

    Arrays hold the four gates along their first axis, so its size must be divisible by four. Any floating dtype works.
    Nothing is random.

    Args:
        forget_bias: the bias of the forget gate.

    Raises:
        ValueError: ``forget_bias`` is not a number, or the first axis of the array is not divisible by four.

    When to use it: the bias of an LSTM that should remember from the start. When not: other layers.

    References:
        F. A. Gers, J. Schmidhuber and F. Cummins, "Learning to forget: continual prediction with LSTM", Neural
        Computation 12 (2000), https://doi.org/10.1162/089976600300015015;
        R. Jozefowicz, W. Zaremba and I. Sutskever, "An empirical exploration of recurrent network architectures",
        ICML 2015, https://proceedings.mlr.press/v37/jozefowicz15.html

    Differs from MXNet 1.9.1: an array that does not hold four gates is refused instead of filled incorrectly.
    """

    family = "recurrent"
    examples = ({}, {"forget_bias": 2.5})

    forget_bias: float = hyperparameter(1.0, number)

    def values(self, desc: str, shape: tuple[int, ...], rng: Generator) -> npt.ArrayLike:
        if not shape or shape[0] % 4:
            raise ValueError(f"LSTMBias needs a first axis that holds four gates: {str(desc)!r} has shape {shape}")
        bias = np.zeros(shape)
        bias[shape[0] // 4 : shape[0] // 2] = self.forget_bias
        return bias
