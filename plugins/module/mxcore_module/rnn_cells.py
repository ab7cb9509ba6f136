"""The cells of recurrent networks; see :mod:`mxcore_module.rnn`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from mxcore.backend import Array, backend_of
from mxcore_module import symbol
from mxcore_module.graph import Symbol

__all__ = ["BaseRNNCell", "GRUCell", "LSTMCell", "RNNCell", "RNNParams", "sequence"]

Unrolled = tuple[Any, list[Any]]


def sequence(length: int | None, inputs: Symbol | Sequence[Symbol], layout: str, merge: bool | None) -> Any:
    """Return inputs as a list of steps, or as one symbol, or as they are for None.

    Raises:
        ValueError: a symbol with several outputs was given, or a list of another length.
    """
    axis = layout.find("T")
    if isinstance(inputs, Symbol):
        if merge is not False:
            return inputs
        if len(inputs) != 1:
            raise ValueError(f"unroll takes one symbol or a list of symbols, got {inputs!r}: pass list(inputs)")
        return list(symbol.split(inputs, axis=axis, num_outputs=length, squeeze_axis=True))
    if length is not None and len(inputs) != length:
        raise ValueError(f"there are {len(inputs)} inputs for {length} steps: pass one for each step")
    if not merge:
        return list(inputs)
    return symbol.Concat(*[symbol.expand_dims(one, axis=axis) for one in inputs], dim=axis)


class RNNParams:
    """The variables of cells, which several cells may share.

    >>> import mxcore as mx
    >>> mx.rnn.RNNParams("both_").get("i2h_weight").name
    'both_i2h_weight'

    Args:
        prefix: what their names start with.
    """

    def __init__(self, prefix: str = "") -> None:
        self._prefix = prefix
        self._params: dict[str, Symbol] = {}

    def get(self, name: str, **kwargs: Any) -> Symbol:
        """Return the variable of a name without its prefix, which is created on the first call.

        Args:
            name: the name.
            kwargs: arguments of :func:`mxcore_module.symbol.Variable`.
        """
        name = self._prefix + name
        if name not in self._params:
            self._params[name] = symbol.Variable(name, **kwargs)
        return self._params[name]

    def update(self, other: RNNParams) -> None:
        """Take over the variables of others."""
        self._params.update(other._params)


class BaseRNNCell:
    """The base class of cells: a step takes an input and states, and returns an output and new states.

    Subclasses define ``__call__`` and :attr:`state_info`.

    >>> import mxcore as mx
    >>> isinstance(mx.rnn.GRUCell(8), mx.rnn.BaseRNNCell)
    True

    Args:
        prefix: what the names of nodes and variables start with.
        params: variables to share with other cells.
    """

    _gates: tuple[str, ...] = ()
    _num_hidden: int = 0

    def __init__(self, prefix: str = "", params: RNNParams | None = None) -> None:
        self._own_params = params is None
        self._prefix = prefix
        self._params = RNNParams(prefix) if params is None else params
        self._modified = False
        self._cells: list[BaseRNNCell] = []
        self.reset()

    def reset(self) -> None:
        """Count steps from 0 again, before the cell is used in another graph."""
        self._init_counter = self._counter = -1
        for cell in self._cells:
            cell.reset()

    def __call__(self, inputs: Symbol, states: list[Symbol]) -> tuple[Symbol, list[Symbol]]:
        """Return the output of a step and the new states.

        Args:
            inputs: the input, of shape ``(batch, units)``.
            states: the states of the step before, or those of :meth:`begin_state`.
        """
        raise NotImplementedError(f"{type(self).__name__} must define __call__")

    @property
    def params(self) -> RNNParams:
        """The variables of the cell."""
        self._own_params = False
        return self._params

    @property
    def state_info(self) -> list[dict[str, Any]]:
        """The shape and layout of each state; a 0 is the size of the batch."""
        return [info for cell in self._cells for info in cell.state_info]

    @property
    def state_shape(self) -> list[tuple[int, ...]]:
        """The shape of each state; a 0 is the size of the batch."""
        return [info["shape"] for info in self.state_info]

    def begin_state(self, func: Callable[..., Symbol] = symbol.zeros, **kwargs: Any) -> list[Symbol]:
        """Return the states before the first step.

        Args:
            func: what creates each: ``mx.symbol.zeros``, or ``mx.symbol.Variable`` to pass them as data.
            kwargs: further arguments of it.

        Raises:
            AssertionError: another cell modifies this one; call that one.
        """
        if self._modified:
            raise AssertionError("another cell modifies this one: call that one instead")
        if self._cells:
            return [state for cell in self._cells for state in cell.begin_state(func=func, **kwargs)]
        states = []
        for info in self.state_info:
            self._init_counter += 1
            states.append(func(name=f"{self._prefix}begin_state_{self._init_counter}", **{**kwargs, **info}))
        return states

    def _names(self) -> list[tuple[str, list[str]]]:
        """Return the name of each packed parameter, with those of its parts."""
        return [
            (f"{self._prefix}{group}_{kind}", [f"{self._prefix}{group}{gate}_{kind}" for gate in self._gates])
            for group in ("i2h", "h2h")
            for kind in ("weight", "bias")
        ]

    def unpack_weights(self, args: Mapping[str, Array]) -> dict[str, Array]:
        """Return parameters with those of each gate in an array of its own."""
        args = dict(args)
        for cell in self._cells:
            args = cell.unpack_weights(args)
        for whole, parts in self._names() if self._gates else ():
            array, size = args.pop(whole), self._num_hidden
            args |= {part: array[k * size : (k + 1) * size].copy() for k, part in enumerate(parts)}
        return args

    def pack_weights(self, args: Mapping[str, Array]) -> dict[str, Array]:
        """Return parameters with those of all gates in one array: the inverse of :meth:`unpack_weights`."""
        args = dict(args)
        for cell in self._cells:
            args = cell.pack_weights(args)
        for whole, parts in self._names() if self._gates else ():
            arrays = [args.pop(part) for part in parts]
            args[whole] = backend_of(arrays[0]).xp.concatenate(arrays)
        return args

    def unroll(
        self,
        length: int,
        inputs: Symbol | Sequence[Symbol],
        begin_state: list[Symbol] | None = None,
        layout: str = "NTC",
        merge_outputs: bool | None = None,
    ) -> Unrolled:
        """Return the outputs of ``length`` steps and the states after them.

        Args:
            length: the number of steps.
            inputs: one symbol of shape ``(batch, length, units)`` for ``layout="NTC"``, or ``(length, batch, units)``
                for ``"TNC"``; or a symbol of shape ``(batch, units)`` for each step.
            begin_state: the states before the first step; by default those of :meth:`begin_state`.
            layout: the order of axes.
            merge_outputs: whether the outputs are one symbol in the layout, or a list; None for what needs less work.

        Raises:
            ValueError: there are more or fewer inputs than steps.
        """
        self.reset()
        steps = sequence(length, inputs, layout, merge=False)
        states = self.begin_state() if begin_state is None else begin_state
        outputs = []
        for one in steps:
            output, states = self(one, states)
            outputs.append(output)
        return sequence(length, outputs, layout, merge_outputs), states


class _Gated(BaseRNNCell):
    """A cell with one product of the input and one of the state for all gates together."""

    _states = 1
    _before = ""  # MXNet's GRU has a second underscore in its names

    def __init__(self, num_hidden: int, prefix: str, params: RNNParams | None, **bias: Any) -> None:
        super().__init__(prefix, params)
        self._num_hidden = num_hidden
        kinds = {"i2h_weight": {}, "i2h_bias": bias, "h2h_weight": {}, "h2h_bias": {}}
        self._variables = {name: self.params.get(name, **more) for name, more in kinds.items()}

    @property
    def state_info(self) -> list[dict[str, Any]]:
        """The shape and layout of each state; a 0 is the size of the batch."""
        return [{"shape": (0, self._num_hidden), "__layout__": "NC"} for _ in range(self._states)]

    def _products(self, inputs: Symbol, state: Symbol) -> tuple[str, Symbol, Symbol]:
        """Return the name of the step, and both products."""
        self._counter += 1
        name = f"{self._prefix}t{self._counter}_"
        found = [
            symbol.FullyConnected(
                data=data,
                weight=self._variables[f"{group}_weight"],
                bias=self._variables[f"{group}_bias"],
                num_hidden=self._num_hidden * len(self._gates),
                name=f"{name}{self._before}{group}",
            )
            for group, data in (("i2h", inputs), ("h2h", state))
        ]
        return name, found[0], found[1]


class RNNCell(_Gated):
    """A simple cell, ``h' = tanh(W x + b + R h + c)``.

    >>> import mxcore as mx
    >>> outputs, states = mx.rnn.RNNCell(8).unroll(2, mx.symbol.Variable("x"))
    >>> [output.name for output in outputs]
    ['rnn_t0_out', 'rnn_t1_out']

    Args:
        num_hidden: the number of units.
        activation: the ``act_type`` of ``mx.symbol.Activation``, or a function of a
            symbol and ``name=``.
        prefix: what the names of nodes and variables start with.
        params: variables to share with other cells.
    """

    _gates = ("",)

    def __init__(
        self,
        num_hidden: int,
        activation: str | Callable[..., Symbol] = "tanh",
        prefix: str = "rnn_",
        params: RNNParams | None = None,
    ) -> None:
        super().__init__(num_hidden, prefix, params)
        self._activation = activation

    def __call__(self, inputs: Symbol, states: list[Symbol]) -> tuple[Symbol, list[Symbol]]:
        """Return the output of a step and the new states."""
        name, i2h, h2h = self._products(inputs, states[0])
        if isinstance(self._activation, str):
            output = symbol.Activation(i2h + h2h, act_type=self._activation, name=f"{name}out")
        else:
            output = self._activation(i2h + h2h, name=f"{name}out")
        return output, [output]


class LSTMCell(_Gated):
    """A long short-term memory: ``c' = f c + i g``, ``h' = o tanh(c')``, with the gates of ``W x + b + R h + d``.

    The gates ``i``, ``f`` and ``o`` go through a sigmoid, and ``g`` through tanh; their order is i, f, g, o.

    >>> import mxcore as mx
    >>> mx.rnn.LSTMCell(8).state_shape
    [(0, 8), (0, 8)]

    Args:
        num_hidden: the number of units.
        prefix: what the names of nodes and variables start with.
        params: variables to share with other cells.
        forget_bias: the initial bias of the forget gate ``f``.

    References:
        Hochreiter and Schmidhuber, "Long short-term memory", 1997.
    """

    _gates = ("_i", "_f", "_c", "_o")
    _states = 2

    def __init__(
        self, num_hidden: int, prefix: str = "lstm_", params: RNNParams | None = None, forget_bias: float = 1.0
    ) -> None:
        super().__init__(num_hidden, prefix, params, init=f'["lstmbias", {{"forget_bias": {float(forget_bias)}}}]')

    def __call__(self, inputs: Symbol, states: list[Symbol]) -> tuple[Symbol, list[Symbol]]:
        """Return the output of a step and the new states."""
        name, i2h, h2h = self._products(inputs, states[0])
        parts = symbol.SliceChannel(i2h + h2h, num_outputs=4, name=f"{name}slice")
        kinds = (("i", "sigmoid"), ("f", "sigmoid"), ("c", "tanh"), ("o", "sigmoid"))
        i, f, g, o = (
            symbol.Activation(part, act_type=kind, name=name + gate)
            for part, (gate, kind) in zip(parts, kinds, strict=True)
        )
        next_c = symbol._plus(f * states[1], i * g, name=f"{name}state")
        next_h = symbol._mul(o, symbol.Activation(next_c, act_type="tanh"), name=f"{name}out")
        return next_h, [next_h, next_c]


class GRUCell(_Gated):
    """A gated recurrent unit in cuDNN's form: ``h' = (1 - z) tanh(W x + b + r (R h + c)) + z h``.

    The gates ``r`` and ``z`` are sigmoids of such sums; the order of gates is r, z, o.

    >>> import mxcore as mx
    >>> mx.rnn.GRUCell(8).state_shape
    [(0, 8)]

    Args:
        num_hidden: the number of units.
        prefix: what the names of nodes and variables start with.
        params: variables to share with other cells.

    References:
        Cho et al., "Learning phrase representations using RNN encoder-decoder", 2014.
    """

    _gates = ("_r", "_z", "_o")
    _before = "_"

    def __init__(self, num_hidden: int, prefix: str = "gru_", params: RNNParams | None = None) -> None:
        super().__init__(num_hidden, prefix, params)

    def __call__(self, inputs: Symbol, states: list[Symbol]) -> tuple[Symbol, list[Symbol]]:
        """Return the output of a step and the new states."""
        name, i2h, h2h = self._products(inputs, states[0])
        i2h_r, i2h_z, i2h_o = symbol.SliceChannel(i2h, num_outputs=3, name=f"{name}_i2h_slice")
        h2h_r, h2h_z, h2h_o = symbol.SliceChannel(h2h, num_outputs=3, name=f"{name}_h2h_slice")
        reset = symbol.Activation(i2h_r + h2h_r, act_type="sigmoid", name=f"{name}_r_act")
        update = symbol.Activation(i2h_z + h2h_z, act_type="sigmoid", name=f"{name}_z_act")
        new = symbol.Activation(i2h_o + reset * h2h_o, act_type="tanh", name=f"{name}_h_act")
        next_h = symbol._plus((1 - update) * new, update * states[0], name=f"{name}out")
        return next_h, [next_h]
