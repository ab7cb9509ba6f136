"""The symbol: a network before it has data."""

from __future__ import annotations

import functools
import numbers
import os
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from mxcore.initializer import TextOfFile
from mxcore_module import attribute as scope
from mxcore_module import name as names
from mxcore_module import shapes as shape_inference
from mxcore_module.graph_json import dump, parse
from mxcore_module.node import Node, Output, in_order
from mxcore_module.operators import Shape, find

__all__ = ["Symbol", "combined", "load_json"]

Shapes = list[Shape]


class Symbol:
    """One or several outputs of a graph of operators. Symbols are immutable: every operation returns a new one.

    You create symbols with the functions of ``mx.symbol``, by arithmetic and comparisons (between symbols of equal
    shapes, and with numbers), and by selecting outputs of another symbol: ``symbol[0]``, ``symbol["fc_output"]``.

    >>> import mxcore as mx
    >>> a, b = mx.symbol.Variable("a"), mx.symbol.Variable("b")
    >>> total = 2 * a + b
    >>> total.list_arguments()
    ['a', 'b']
    >>> total.infer_shape(a=(2, 3))
    ([(2, 3), (2, 3)], [(2, 3)], [])
    """

    __array_ufunc__ = None  # so that `numpy.float32(2) * symbol` calls this class instead of creating an object array

    def __init__(self, heads: Sequence[Output]) -> None:
        self.heads = tuple(heads)

    @functools.cached_property
    def nodes(self) -> tuple[Node, ...]:
        """All nodes that the outputs depend on, each after its inputs."""
        return tuple(in_order(self.heads))

    # --- structure ------------------------------------------------------------------------------------------

    @property
    def name(self) -> str | None:
        """The name of the node whose outputs these are; None for a group."""
        names = {head.node.name for head in self.heads}
        return names.pop() if len({head.node for head in self.heads}) == 1 else None

    def __repr__(self) -> str:
        return f"<Symbol {self.name or ', '.join(head.node.name for head in self.heads)}>"

    def __len__(self) -> int:
        """Return the number of outputs."""
        return len(self.heads)

    def __iter__(self) -> Iterator[Symbol]:
        return (Symbol([head]) for head in self.heads)

    def __getitem__(self, which: int | str) -> Symbol:
        """Return one output, by position or name.

        Raises:
            ValueError: no output, or more than one, has the name.
            IndexError: there is no such position.
        """
        if not isinstance(which, str):
            return Symbol([self.heads[which]])
        found = [head for head, output in zip(self.heads, self.list_outputs(), strict=True) if output == which]
        if len(found) != 1:
            raise ValueError(f"{len(found)} outputs are called {which!r}; there are {', '.join(self.list_outputs())}")
        return Symbol(found)

    def get_internals(self) -> Symbol:
        """Return a symbol whose outputs are all variables and all operator outputs, to select from.

        >>> import mxcore as mx
        >>> net = mx.symbol.FullyConnected(mx.symbol.Variable("data"), num_hidden=3, name="fc")
        >>> net.get_internals().list_outputs()
        ['data', 'fc_weight', 'fc_bias', 'fc_output']
        """
        return Symbol([output for node in self.nodes for output in node.outputs()])

    def get_children(self) -> Symbol | None:
        """Return a symbol whose outputs are the inputs of the nodes of this one, or None for variables.

        >>> import mxcore as mx
        >>> net = mx.symbol.FullyConnected(mx.symbol.Variable("data"), num_hidden=3, name="fc")
        >>> net.get_children().list_outputs()
        ['data', 'fc_weight', 'fc_bias']
        """
        inputs = [source for node in dict.fromkeys(head.node for head in self.heads) for source in node.inputs]
        return Symbol(inputs) if inputs else None

    def _auxiliaries(self) -> list[Output]:
        return list(dict.fromkeys(node for one in self.nodes for node in one.auxiliaries()))

    def _arguments(self) -> list[Output]:
        auxiliary = set(self._auxiliaries())
        variables = [Output(node) for node in self.nodes if node.operator is None]
        return [variable for variable in variables if variable not in auxiliary]

    def list_arguments(self) -> list[str]:
        """Return the names of data, labels and parameters, in the order in which they are first used."""
        return [variable.name() for variable in self._arguments()]

    def list_auxiliary_states(self) -> list[str]:
        """Return the names of variables that operators update themselves, such as moving averages."""
        return [variable.name() for variable in self._auxiliaries()]

    def list_outputs(self) -> list[str]:
        """Return the names of the outputs: ``<node>_output``, numbered if a node has several, or that of a variable."""
        return [head.name() for head in self.heads]

    @property
    def num_outputs(self) -> int:
        """The number of outputs."""
        return len(self.heads)

    def list_inputs(self) -> list[str]:
        """Return the names of all variables, including auxiliary states."""
        return [node.name for node in self.nodes if node.operator is None]

    def attr_dict(self) -> dict[str, dict[str, str]]:
        """Return the options and attributes of each node, as strings by node name.

        They include initializers that operators set for their variables, such as moving averages.
        """
        found = {node.name: {**(node.operator.attributes() if node.operator else {}), **node.attributes}
                 for node in self.nodes}  # fmt: skip
        for node in self.nodes:
            rules = node.operator.initializers if node.operator else {}
            for role, source in node.named_inputs():
                if role in rules and source.node.operator is None:
                    found[source.node.name].setdefault("__init__", rules[role])
        return {name: attributes for name, attributes in found.items() if attributes}

    def list_attr(self) -> dict[str, str]:
        """Return the attributes of the node of the only output."""
        return self.attr_dict().get(self.name or "", {})

    def attr(self, key: str) -> str | None:
        """Return an attribute of the node of the only output, or None; ``lr_mult`` is the same as ``__lr_mult__``."""
        found = self.list_attr()
        return found.get(key, found.get(f"__{key}__"))

    # --- shapes ------------------------------------------------------------------------------------------------------

    def infer_shape(self, *args: Shape | None, **kwargs: Shape) -> tuple[Shapes, Shapes, Shapes] | tuple[None, ...]:
        """Infer the shapes of all arguments, outputs and auxiliary states from the given ones.

        Args:
            args: shapes in the order of :meth:`list_arguments`, None where unknown.
            kwargs: or shapes by name. A 0 in a shape is an unknown size.

        Returns:
            ``(argument shapes, output shapes, auxiliary shapes)``, three lists; or ``(None, None, None)``, with a
            warning that lists what is missing, if the given shapes do not determine all others.

        Raises:
            ShapeError: shapes contradict each other; the message names the node and both shapes.
            ValueError: there is no argument of a given name, or two variables share one.
        """
        found = self._inferred(args, kwargs)
        open_shapes = [
            f"{name} {shape}"
            for name, shape in zip(self.list_arguments(), found[0], strict=True)
            if shape is None or not shape_inference.is_complete(shape)
        ]
        complete = [[shape for shape in part if shape is not None] for part in found]
        if open_shapes or any(len(some) < len(part) for some, part in zip(complete, found, strict=True)):
            warnings.warn(
                f"cannot infer the shapes of {', '.join(open_shapes) or 'some outputs'}: pass more shapes",
                UserWarning,
                stacklevel=2,
            )
            return None, None, None
        return complete[0], complete[1], complete[2]

    def infer_shape_partial(self, *args: Shape | None, **kwargs: Shape) -> tuple[Shapes, Shapes, Shapes]:
        """Like :meth:`infer_shape`, but with () for each shape that cannot be inferred, and 0 for each size."""
        arguments, outputs, states = ([shape or () for shape in part] for part in self._inferred(args, kwargs))
        return arguments, outputs, states

    def _inferred(self, args: Sequence[Shape | None], kwargs: Mapping[str, Shape]) -> tuple[list[Shape | None], ...]:
        found = shape_inference.infer(self.nodes, self.given_shapes(args, kwargs))
        parts = self._arguments(), self.heads, self._auxiliaries()
        return tuple([found.get(output) for output in part] for part in parts)

    def given_shapes(self, args: Sequence[Shape | None], kwargs: Mapping[str, Shape]) -> dict[str, Shape]:
        """Combine shapes by position and by name in one table, after checking that they belong to this symbol.

        Raises:
            ValueError: one does not, or two variables share a name.
        """
        arguments = self.list_arguments()
        self.check_names()
        if len(args) > len(arguments):
            raise ValueError(f"{len(args)} shapes were given for the {len(arguments)} arguments {', '.join(arguments)}")
        if unknown := sorted(set(kwargs) - set(self.list_inputs())):
            raise ValueError(f"there is no argument {', '.join(map(repr, unknown))}; there are {', '.join(arguments)}")
        positional = {name: shape for name, shape in zip(arguments, args, strict=False) if shape is not None}
        return {name: tuple(shape) for name, shape in {**positional, **kwargs}.items()}

    def check_names(self) -> None:
        """Check that no two variables share a name.

        Raises:
            ValueError: two do.
        """
        inputs = self.list_inputs()
        if twice := sorted({name for name in inputs if inputs.count(name) > 1}):
            raise ValueError(
                f"different variables share the names {', '.join(twice)}: give their layers different names, "
                "or pass the same Variable to both if they should share it"
            )

    # --- files -------------------------------------------------------------------------------------------------------

    def tojson(self) -> str:
        """Return the graph as JSON, in MXNet's format; see :func:`mxcore_module.symbol.load_json`."""
        return dump(self.nodes, self.heads)

    def save(self, fname: str | os.PathLike[str]) -> None:
        """Write :meth:`tojson` to a file, completely or not at all."""
        from mxcore.state.atomic import write_atomically

        write_atomically(Path(fname), self.tojson().encode())

    def __reduce__(self) -> tuple[Callable[[str, list[bool]], Symbol], tuple[str, list[bool]]]:
        marks = [isinstance(node.attributes.get("__init__"), TextOfFile) for node in self.nodes]
        return _copied, (self.tojson(), marks)

    # --- arithmetic --------------------------------------------------------------------------------------------------

    def only_head(self) -> Output:
        """Return the only output.

        Raises:
            ValueError: there are several outputs.
        """
        if len(self.heads) != 1:
            raise ValueError(f"{self!r} has {len(self.heads)} outputs where one is needed: select it with symbol[name]")
        return self.heads[0]

    def _with(self, other: object, binary: str, scalar: str) -> Symbol:
        if isinstance(other, Symbol):
            return _node(binary, {}, self, other)
        if isinstance(other, numbers.Real) and scalar:
            return _node(scalar, {"scalar": float(other)}, self)
        return NotImplemented  # type: ignore[no-any-return]  # only operators hand it on

    def __bool__(self) -> bool:
        raise TypeError(f"{self!r} has no truth value: a comparison of symbols is a symbol, too")

    __hash__ = object.__hash__

    def __add__(self, other: object) -> Symbol:
        return self._with(other, "_Plus", "_PlusScalar")

    __radd__ = __add__

    def __sub__(self, other: object) -> Symbol:
        return self._with(other, "_Minus", "_MinusScalar")

    def __rsub__(self, other: object) -> Symbol:
        return self._with(other, "", "_RMinusScalar")

    def __mul__(self, other: object) -> Symbol:
        return self._with(other, "_Mul", "_MulScalar")

    __rmul__ = __mul__

    def __truediv__(self, other: object) -> Symbol:
        return self._with(other, "_Div", "_DivScalar")

    def __rtruediv__(self, other: object) -> Symbol:
        return self._with(other, "", "_RDivScalar")

    def __mod__(self, other: object) -> Symbol:
        return self._with(other, "_Mod", "_ModScalar")

    def __rmod__(self, other: object) -> Symbol:
        return self._with(other, "", "_RModScalar")

    def __pow__(self, other: object) -> Symbol:
        return self._with(other, "_Power", "_PowerScalar")

    def __rpow__(self, other: object) -> Symbol:
        return self._with(other, "", "_rpower_scalar")

    def __eq__(self, other: object) -> Symbol:  # type: ignore[override]  # as in NumPy
        return self._with(other, "_equal", "_equal_scalar")

    def __ne__(self, other: object) -> Symbol:  # type: ignore[override]
        return self._with(other, "_not_equal", "_not_equal_scalar")

    def __gt__(self, other: object) -> Symbol:
        return self._with(other, "_greater", "_greater_scalar")

    def __ge__(self, other: object) -> Symbol:
        return self._with(other, "_greater_equal", "_greater_equal_scalar")

    def __lt__(self, other: object) -> Symbol:
        return self._with(other, "_lesser", "_lesser_scalar")

    def __le__(self, other: object) -> Symbol:
        return self._with(other, "_lesser_equal", "_lesser_equal_scalar")

    def __neg__(self) -> Symbol:
        return self._with(-1.0, "", "_MulScalar")

    def __abs__(self) -> Symbol:
        return _node("abs", {}, self)


def combined(lhs: object, rhs: object, binary: str, scalar: str, reversed_scalar: str) -> Symbol:
    """Return the symbol of a function of two symbols, or of a symbol and a number in either place.

    Raises:
        TypeError: neither is a symbol, or one is something else.
    """
    symbol, other, name = (lhs, rhs, scalar) if isinstance(lhs, Symbol) else (rhs, lhs, reversed_scalar)
    found = symbol._with(other, binary, name) if isinstance(symbol, Symbol) else NotImplemented
    if found is NotImplemented:
        raise TypeError(f"expected two symbols, or a symbol and a number, got {lhs!r} and {rhs!r}")
    return found


def _node(operator: str, options: Mapping[str, Any], *inputs: Symbol) -> Symbol:
    made = find(operator)
    heads = tuple(one.only_head() for one in inputs)
    attributes = scope.current().get(None)
    name = names.current().get(None, operator.lower())
    return Symbol(Node(name, made.create(options), heads, attributes).outputs())


def _copied(text: str, from_file: list[bool]) -> Symbol:
    """Recreate a symbol from its JSON, trusting its initializers as much as those of the original."""
    return Symbol(parse(text, from_file))


def load_json(json_str: str) -> Symbol:
    """Create the symbol that :meth:`Symbol.tojson` or MXNet has written, if it has only operators known here.

    >>> import mxcore as mx
    >>> net = mx.symbol.FullyConnected(mx.symbol.Variable("data"), num_hidden=10, name="fc")
    >>> mx.symbol.load_json(net.tojson()).list_arguments()
    ['data', 'fc_weight', 'fc_bias']

    Raises:
        ValueError: it is not the JSON of a symbol, or has an operator or option that does not exist here.
    """
    return Symbol(parse(json_str))
