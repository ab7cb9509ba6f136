"""Cells made of others: stacks, dropout, residual connections, and both directions of time."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from mxcore.backend import Array
from mxcore_module import symbol
from mxcore_module.graph import Symbol
from mxcore_module.rnn_cells import BaseRNNCell, RNNParams, Unrolled, sequence

__all__ = ["BidirectionalCell", "DropoutCell", "ResidualCell", "SequentialRNNCell"]


class DropoutCell(BaseRNNCell):
    """Dropout of the input; it has no states.

    >>> import mxcore as mx
    >>> mx.rnn.DropoutCell(0.5).unroll(2, mx.symbol.Variable("x"))[1]
    []

    Args:
        dropout: the probability that an element is set to 0.
        prefix: what the names of nodes start with.
        params: accepted as in other cells; there are no variables.
    """

    def __init__(self, dropout: float, prefix: str = "dropout_", params: RNNParams | None = None) -> None:
        super().__init__(prefix, params)
        self.dropout = dropout

    def __call__(self, inputs: Symbol, states: list[Symbol]) -> tuple[Symbol, list[Symbol]]:
        """Return the output of a step and the states."""
        return symbol.Dropout(data=inputs, p=self.dropout) if self.dropout > 0 else inputs, states

    def unroll(
        self,
        length: int,
        inputs: Symbol | Sequence[Symbol],
        begin_state: list[Symbol] | None = None,
        layout: str = "NTC",
        merge_outputs: bool | None = None,
    ) -> Unrolled:
        """Return the outputs of ``length`` steps and the states after them; see :meth:`BaseRNNCell.unroll`."""
        self.reset()
        inputs = sequence(length, inputs, layout, merge_outputs)
        if isinstance(inputs, Symbol):
            return self(inputs, [])
        return super().unroll(length, inputs, begin_state, layout, merge_outputs)


class ResidualCell(BaseRNNCell):
    """Adds the input of another cell to its output.

    >>> import mxcore as mx
    >>> outputs, _ = mx.rnn.ResidualCell(mx.rnn.RNNCell(8)).unroll(2, mx.symbol.Variable("x"))
    >>> outputs[0].name
    'rnn_t0_out_plus_residual'

    Args:
        base_cell: the cell, which from then on is only used through this one.

    References:
        Wu et al., "Google's neural machine translation system", 2016.
    """

    def __init__(self, base_cell: BaseRNNCell) -> None:
        super().__init__()
        base_cell._modified = True
        self.base_cell = base_cell

    @property
    def params(self) -> RNNParams:
        """The variables of the cell."""
        self._own_params = False
        return self.base_cell.params

    @property
    def state_info(self) -> list[dict[str, Any]]:
        """The shape and layout of each state; a 0 is the size of the batch."""
        return self.base_cell.state_info

    def begin_state(self, func: Callable[..., Symbol] = symbol.zeros, **kwargs: Any) -> list[Symbol]:
        """Return the states before the first step; see :meth:`BaseRNNCell.begin_state`."""
        self.base_cell._modified = False
        found = self.base_cell.begin_state(func=func, **kwargs)
        self.base_cell._modified = True
        return found

    def unpack_weights(self, args: Mapping[str, Array]) -> dict[str, Array]:
        """Return parameters with those of each gate in an array of its own."""
        return self.base_cell.unpack_weights(args)

    def pack_weights(self, args: Mapping[str, Array]) -> dict[str, Array]:
        """Return parameters with those of all gates in one array."""
        return self.base_cell.pack_weights(args)

    def __call__(self, inputs: Symbol, states: list[Symbol]) -> tuple[Symbol, list[Symbol]]:
        """Return the output of a step and the new states."""
        output, states = self.base_cell(inputs, states)
        return symbol.elemwise_add(output, inputs, name=f"{output.name}_plus_residual"), states

    def unroll(
        self,
        length: int,
        inputs: Symbol | Sequence[Symbol],
        begin_state: list[Symbol] | None = None,
        layout: str = "NTC",
        merge_outputs: bool | None = None,
    ) -> Unrolled:
        """Return the outputs of ``length`` steps and the states after them; see :meth:`BaseRNNCell.unroll`."""
        self.reset()
        self.base_cell._modified = False
        outputs, states = self.base_cell.unroll(length, inputs, begin_state, layout, merge_outputs)
        self.base_cell._modified = True
        merge = isinstance(outputs, Symbol) if merge_outputs is None else merge_outputs
        inputs = sequence(length, inputs, layout, merge)
        if isinstance(outputs, Symbol):
            return symbol.elemwise_add(outputs, inputs, name=f"{outputs.name}_plus_residual"), states
        return [
            symbol.elemwise_add(output, one, name=f"{output.name}_plus_residual")
            for output, one in zip(outputs, inputs, strict=True)
        ], states


class BidirectionalCell(BaseRNNCell):
    """Two cells, one of which reads the steps from the end; their outputs are joined. It can only be unrolled.

    >>> import mxcore as mx
    >>> both = mx.rnn.BidirectionalCell(mx.rnn.GRUCell(8, prefix="l_"), mx.rnn.GRUCell(8, prefix="r_"))
    >>> both.unroll(2, mx.symbol.Variable("x"), merge_outputs=True)[0].infer_shape(x=(5, 2, 3))[1]
    [(5, 2, 16)]

    Args:
        l_cell: the cell that reads from the start.
        r_cell: the cell that reads from the end.
        params: variables to share with other cells.
        output_prefix: what the names of the outputs start with.
    """

    def __init__(
        self, l_cell: BaseRNNCell, r_cell: BaseRNNCell, params: RNNParams | None = None, output_prefix: str = "bi_"
    ) -> None:
        super().__init__("", params)
        self._output_prefix = output_prefix
        for cell in (l_cell, r_cell):
            if params is not None:
                cell.params.update(params)
            self.params.update(cell.params)
        self._cells = [l_cell, r_cell]

    def unroll(
        self,
        length: int,
        inputs: Symbol | Sequence[Symbol],
        begin_state: list[Symbol] | None = None,
        layout: str = "NTC",
        merge_outputs: bool | None = None,
    ) -> Unrolled:
        """Return the outputs of ``length`` steps and the states of both cells; see :meth:`BaseRNNCell.unroll`."""
        self.reset()
        steps, axis = sequence(length, inputs, layout, merge=False), layout.find("T")
        states = self.begin_state() if begin_state is None else begin_state
        left, right = self._cells
        count = len(left.state_info)
        ahead, l_states = left.unroll(length, steps, states[:count], layout, merge_outputs)
        back, r_states = right.unroll(length, steps[::-1], states[count:], layout, merge_outputs)
        if merge_outputs is None and isinstance(ahead, Symbol) and isinstance(back, Symbol):
            merge_outputs = True
        if merge_outputs:
            back = symbol.reverse(back, axis=axis)
            return symbol.Concat(ahead, back, dim=2, name=f"{self._output_prefix}out"), [l_states, r_states]
        both = zip(sequence(length, ahead, layout, False), sequence(length, back, layout, False)[::-1], strict=True)
        outputs = [symbol.Concat(*one, dim=1, name=f"{self._output_prefix}t{k}") for k, one in enumerate(both)]
        return outputs, [l_states, r_states]


class SequentialRNNCell(BaseRNNCell):
    """Cells one above the other: the output of each is the input of the next.

    >>> import mxcore as mx
    >>> stack = mx.rnn.SequentialRNNCell()
    >>> for layer in range(2):
    ...     stack.add(mx.rnn.GRUCell(num_hidden=16, prefix=f"gru{layer}_"))
    >>> outputs, states = stack.unroll(3, mx.symbol.Variable("data"), merge_outputs=True)
    >>> outputs.infer_shape(data=(32, 3, 8))[1]
    [(32, 3, 16)]

    Args:
        params: variables to share with other cells.
    """

    def __init__(self, params: RNNParams | None = None) -> None:
        super().__init__("", params)
        self._override_cell_params = params is not None

    def add(self, cell: BaseRNNCell) -> None:
        """Add a cell on top."""
        self._cells.append(cell)
        if self._override_cell_params:
            cell.params.update(self.params)
        self.params.update(cell.params)

    def _with_states(self, states: list[Symbol]) -> list[tuple[BaseRNNCell, list[Symbol]]]:
        """Return each cell with its states."""
        found, start = [], 0
        for cell in self._cells:
            count = len(cell.state_info)
            found.append((cell, states[start : start + count]))
            start += count
        return found

    def __call__(self, inputs: Symbol, states: list[Symbol]) -> tuple[Symbol, list[Symbol]]:
        """Return the output of a step and the new states."""
        self._counter += 1
        following: list[Symbol] = []
        for cell, own in self._with_states(states):
            inputs, after = cell(inputs, own)
            following += after
        return inputs, following

    def unroll(
        self,
        length: int,
        inputs: Symbol | Sequence[Symbol],
        begin_state: list[Symbol] | None = None,
        layout: str = "NTC",
        merge_outputs: bool | None = None,
    ) -> Unrolled:
        """Return the outputs of ``length`` steps and the states after them; see :meth:`BaseRNNCell.unroll`."""
        self.reset()
        following: list[Symbol] = []
        for cell, own in self._with_states(self.begin_state() if begin_state is None else begin_state):
            merge = merge_outputs if cell is self._cells[-1] else None
            inputs, after = cell.unroll(length, inputs, own, layout, merge)
            following += after
        return inputs, following
