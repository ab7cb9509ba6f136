"""Cells of recurrent networks, which build symbols step by step: ``mx.rnn``.

>>> import mxcore as mx
>>> cell = mx.rnn.LSTMCell(num_hidden=16, prefix="lstm_")
>>> outputs, states = cell.unroll(5, mx.symbol.Variable("data"), layout="NTC", merge_outputs=True)
>>> outputs.list_arguments()
['data', 'lstm_i2h_weight', 'lstm_i2h_bias', 'lstm_h2h_weight', 'lstm_h2h_bias']
>>> outputs.infer_shape(data=(32, 5, 8))[1]
[(32, 5, 16)]
"""

from __future__ import annotations

from mxcore_module.rnn_cells import BaseRNNCell, GRUCell, LSTMCell, RNNCell, RNNParams
from mxcore_module.rnn_modifiers import BidirectionalCell, DropoutCell, ResidualCell, SequentialRNNCell

__all__ = [
    "BaseRNNCell", "BidirectionalCell", "DropoutCell", "GRUCell", "LSTMCell", "RNNCell", "RNNParams", "ResidualCell",
    "SequentialRNNCell",
]  # fmt: skip
