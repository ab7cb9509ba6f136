"""The packed parameters of a recurrent network, for mxcore."""

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from mxcore import boolean, hyperparameter, hyperparameters, integer, number, one_of
from mxcore.initializer import InitDesc, Initializer, create
from mxcore.random import Generator

__all__ = ["FusedRNN"]

_GATES = {"rnn_relu": ("",), "rnn_tanh": ("",), "lstm": ("_i", "_f", "_c", "_o"), "gru": ("_r", "_z", "_o")}


def _created(init: Any) -> Initializer | None:
    return None if init is None else create(init)


@hyperparameters
class FusedRNN(Initializer):
    r"""Initialises the packed parameter vector of a recurrent network, each piece by its own name.

    The vector holds all weights and then all biases. Both are ordered by layer :math:`l`, then direction ``l`` or
    ``r``, then source (``i2h``, ``h2h``), then gate: ``i f c o`` for an LSTM, ``r z o`` for a GRU. With :math:`h`
    hidden units, :math:`d` directions, :math:`g` gates and :math:`L` layers, its size is

    .. math::

        size = d \, g \, h \, \bigl((input + h + 2) + (L - 1)(d h + h + 2)\bigr)

    A piece of ``rnn_weight`` has a name such as ``rnn_weight_l0_i2h_f_weight``; an i2h weight has shape (h, input) or
    (h, d h), an h2h weight (h, h), a bias (h,). All biases of the forget gates of an LSTM are ``forget_bias``. Random
    values depend on the full name, so two networks in a model differ.

    >>> import numpy as np, mxcore as mx
    >>> packed = np.empty(12)
    >>> mx.init.FusedRNN("uniform", num_hidden=2, num_layers=1, mode="rnn_tanh")("rnn_weight", packed)
    >>> packed[8:]  # input size 2: a weight of 2 × 2, another of 2 × 2, and two biases
    array([0., 0., 0., 0.])

    Arrays are vectors of any floating dtype.

    Args:
        init: the initializer of the pieces: an instance, a name, or a ``dumps()`` string; None for the initializer
            of the whole model, ``InitDesc.global_init``.
        num_hidden: the number of hidden units.
        num_layers: the number of layers.
        mode: ``"lstm"``, ``"gru"``, ``"rnn_tanh"`` or ``"rnn_relu"``.
        bidirectional: whether each layer also runs backward.
        forget_bias: the bias of the forget gates of an LSTM; it is in the i2h and in the h2h bias, so it counts twice.

    Raises:
        ValueError: the array is no vector of a size that the formula gives, or ``init`` is None and there is no
            initializer of the whole model.

    When to use it: recurrent networks whose parameters are one packed vector. When not: layers with parameters of their
    own.

    References:
        S. Hochreiter and J. Schmidhuber, "Long short-term memory", Neural Computation 9 (1997),
        https://doi.org/10.1162/neco.1997.9.8.1735;
        S. Chetlur et al., "cuDNN: efficient primitives for deep learning", 2014, https://arxiv.org/abs/1410.0759

    Differs from MXNet 1.9.1: ``init`` may be a string, as ``dumps()`` writes it (there, a KeyError); the name of a
    piece starts with that of the parameter, since random values depend on names.
    """

    family = "recurrent"
    examples = (
        {"init": "uniform", "num_hidden": 2, "num_layers": 1, "mode": "rnn_tanh"},
        {"init": "uniform", "num_hidden": 1, "num_layers": 1, "mode": "gru"},
    )

    init: Initializer | None = hyperparameter(converter=_created)
    num_hidden: int = hyperparameter(integer(at_least=1))
    num_layers: int = hyperparameter(integer(at_least=1))
    mode: str = hyperparameter(one_of(*_GATES))
    bidirectional: bool = hyperparameter(False, boolean)
    forget_bias: float = hyperparameter(1.0, number)

    def values(self, desc: str, shape: tuple[int, ...], rng: Generator) -> npt.ArrayLike:
        init = self.init or getattr(desc, "global_init", None)
        if init is None or init is self:
            raise ValueError(f"{str(desc)!r}: FusedRNN(init=None) needs an initializer of the whole model: pass init")
        packed, start = np.empty(shape, rng.dtype), 0
        for name, size in self._pieces(self._input_size(desc, shape)):
            piece = packed[start : start + math.prod(size)].reshape(size)
            start += piece.size
            if self.mode == "lstm" and name.endswith("_f_bias"):
                piece[:] = self.forget_bias
            else:
                init(InitDesc(f"{desc}_{name}", global_init=getattr(desc, "global_init", None)), piece)
        return packed

    def _pieces(self, input_size: int) -> Iterator[tuple[str, tuple[int, ...]]]:
        """Return the name and shape of each piece, in the order of the vector."""
        hidden, gates = self.num_hidden, _GATES[self.mode]
        sides = "lr" if self.bidirectional else "l"
        cells = [(f"{side}{layer}", layer) for layer in range(self.num_layers) for side in sides]
        for cell, layer in cells:
            inputs = hidden * len(sides) if layer else input_size
            yield from ((f"{cell}_i2h{gate}_weight", (hidden, inputs)) for gate in gates)
            yield from ((f"{cell}_h2h{gate}_weight", (hidden, hidden)) for gate in gates)
        for cell, _ in cells:
            yield from ((f"{cell}_{source}{gate}_bias", (hidden,)) for source in ("i2h", "h2h") for gate in gates)

    def _input_size(self, desc: str, shape: tuple[int, ...]) -> int:
        """Return the input size, computed from the size of the vector."""
        hidden, directions = self.num_hidden, 1 + self.bidirectional
        rows, rest = divmod(math.prod(shape), directions * hidden * len(_GATES[self.mode]))
        inputs = rows - (self.num_layers - 1) * (directions * hidden + hidden + 2) - hidden - 2
        if len(shape) != 1 or rest or inputs < 1:
            raise ValueError(f"{str(desc)!r} of shape {shape} does not pack the parameters of {self!r}")
        return inputs
