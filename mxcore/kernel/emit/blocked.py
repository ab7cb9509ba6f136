"""Emit a traced rule as NumPy calls over blocks that fit in the cache. The other emitters must agree with this one.

A chunk is a table of calls, each entirely in C, so that it cannot be interrupted half-way: see
:func:`mxcore.kernel.commit`. Each operation of the rule is one call. Its result goes straight into the updated array if
the old value is no longer needed, or else into a scratch block, of which there are as few as possible.

Emitted code lists the calls of all chunks column by column, with ``zip`` and ``repeat``: listing a call takes a
fraction of the time that NumPy takes to run it, so that new arrays cost little more than the same ones.
"""

from __future__ import annotations

import functools
import itertools
import math
import operator
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import attrs
import numpy as np
import numpy.typing as npt

from mxcore.backend import Host
from mxcore.kernel.rule.graph import LOGICAL, REDUCTIONS, Node
from mxcore.kernel.rule.reduction import partials
from mxcore.kernel.rule.roots import GUESS
from mxcore.kernel.rule.source import define, identifier
from mxcore.kernel.rule.traced import Stage, Traced
from mxcore.kernel.run.calls import Call

_BY_KEYWORD = ("maximum", "minimum")  # NumPy warns if the output of these is positional

Column = Sequence[Any]
"""One operand for each chunk: an array, a block, or a number as a 0-d array.

NumPy handles 0-d arrays faster than its scalars, and much faster than Python floats.
"""


@attrs.frozen(eq=False)
class Blocked:
    """A compiled stage of a rule. List its calls through :func:`~mxcore.kernel.run.calls.quietly`.

    Args:
        calls: the calls of each chunk, ``calls(arrays, scratch, masks, uniforms, reductions, partials)``. Each of the
            first five is a sequence of columns; ``partials`` has a table for each chunk, with a row for each of its
            blocks, for what the stage measures.
        scratch: how many blocks of numbers it needs.
        masks: how many blocks of booleans it needs.
        repeatable: whether the calls can be made again after the uniforms have changed in place, because none of them
            depended on a value when it was listed.
        source: its Python source.
    """

    calls: Callable[..., Iterable[tuple[Call, ...]]]
    scratch: int
    masks: int
    repeatable: bool
    source: str

    def room(self, dtype: npt.DTypeLike, shapes: Sequence[tuple[int, ...]]) -> tuple[list[Column], list[Column]]:
        """Allocate its scratch blocks for chunks of these shapes: those of numbers, and those of booleans."""
        numbers = [new_column(dtype, shapes) for _ in range(self.scratch)]
        return numbers, [new_column(np.bool_, shapes) for _ in range(self.masks)]


def emit(traced: Traced, stage: Stage, dtype: npt.DTypeLike) -> Blocked:
    """Emit a stage of a rule as NumPy code. Its arrays are ``traced.arrays``, in that order, and the noise.

    Args:
        traced: the rule.
        stage: the stage.
        dtype: the dtype of the arrays, float32 or float64.
    """
    writer = _Writer(traced, stage)
    for step, node in enumerate(writer.steps):
        writer.operation(step, node)
    writer.move()
    writer.measure()
    arrays = ", ".join(_array(name) for name in [*traced.arrays, *(["noise"] if traced.noisy else [])])
    lines = [f"({arrays},) = arrays", *_unpacked("s", writer.made["s"], "scratch")]
    lines += [*_unpacked("b", writer.made["b"], "masks"), *_unpacked("u", len(traced.uniforms), "uniforms")]
    lines += [*_unpacked("g", len(traced.reductions), "reductions"), *writer.singles, *writer.views.values()]
    rows = "".join(f"\n        {row}," for row in writer.rows)
    lines.append(f"return zip({rows}\n    )" if rows else "return [()] * len(weight_)")
    source = "def calls(arrays, scratch, masks, uniforms, reductions, partials):\n    " + "\n    ".join(lines)
    namespace = _namespace((node.op for node in writer.steps), writer.constants, np.dtype(dtype))
    calls = define("calls", source, f"the rule of {traced.owner}", namespace)
    decided = any(node.op == "where" and _decided(node) for node in writer.steps)
    repeatable = not (decided or writer.singles)
    return Blocked(calls, writer.made["s"], writer.made["b"], repeatable, source)


def _unpacked(letter: str, count: int, source: str) -> list[str]:
    names = ", ".join(f"{letter}{number}" for number in range(count))
    return [f"({names},) = {source}"] if count else []


def _namespace(names: Iterable[str], constants: Iterable[tuple[str, str]], dtype: np.dtype[Any]) -> dict[str, Any]:
    """Return the names that emitted code uses; those of arrays end in an underscore, so that they cannot clash."""
    always = ("multiply", "subtract", "bitwise_xor", "right_shift", "left_shift", "empty")
    known = {name: getattr(np, name) for name in (*names, *always) if name != "cbrt_guess"}
    known |= {name: np.array(value, f"i{dtype.itemsize}") for name, value in GUESS[dtype.itemsize].items()}
    known |= {"partial": functools.partial, "repeat": itertools.repeat, "setitem": operator.setitem}
    with np.errstate(over="ignore"):
        values = {
            f"c{place}": np.array(float(value), np.bool_ if kind == "mask" else dtype)
            for place, (kind, value) in enumerate(constants)
        }
    return {"measure": _measure, "dtype": dtype, "bits": np.dtype(f"i{dtype.itemsize}"), **known, **values}


def _measure(name: str, number: int, sums: npt.NDArray[np.float64], *arrays: Host) -> None:
    """Compute a reduction. This can be Python code, since a stage that measures changes nothing of the user's."""
    sums[:, number] = partials(name, *(x.reshape(-1) for x in arrays))


class _Writer:
    """Assigns a place to every value, and frees it after its last use."""

    def __init__(self, traced: Traced, stage: Stage) -> None:
        self.traced, self.stage = traced, stage
        self.steps = [node for node in stage.order if node.op not in ("input", *REDUCTIONS)]
        self.places = {node.number: _array(node.value) for node in stage.order if node.op == "input"}
        self.places |= {node.number: f"u{number}" for number, node in enumerate(traced.uniforms)}
        self.places |= {node.number: f"g{number}" for number, node in enumerate(traced.reductions)}
        self.last: dict[int, int] = {}
        for step, node in enumerate(self.steps):
            self.last |= {argument.number: step for argument in node.args}
        outputs = [
            *stage.written.values(),
            *(node for number in stage.measured for node in traced.reductions[number].args),
        ]
        self.last |= {node.number: len(self.steps) for node in outputs}  # moved or measured after all steps
        # An array may be overwritten once its old value is no longer needed.
        self.read_until = {_array(one.value): self.last.get(one.number, -1) for one in stage.order if one.op == "input"}
        steps = {node.number: step for step, node in enumerate(self.steps)}
        self.targets = {node.number: _array(name) for name, node in stage.written.items() if node.number in steps}
        self.written_at = {target: steps[number] for number, target in self.targets.items()}
        self.free: dict[str, list[str]] = {"s": [], "b": []}
        self.made = {"s": 0, "b": 0}
        self.constants: dict[tuple[str, str], int] = {}
        self.singles: list[str] = []
        self.views: dict[str, str] = {}
        self.rows: list[str] = []

    def operation(self, step: int, node: Node) -> None:
        """Emit the code that computes a node."""
        args = [self._operand(argument, node) for argument in node.args]
        if node.single:
            self.places[node.number] = f"v{node.number}"
            self.singles.append(f"v{node.number} = {_one_each(node, args)}")
        elif node.op == "where" and not _decided(node):
            self._choose(step, node, args)
        elif node.op == "cbrt_guess":
            self._guess(step, node, args[0])
        else:
            self._release(step, node.args)
            place = self.places[node.number] = self._place(step, node)
            decided = node.op == "where"  # one value decides for all elements
            self.rows.append(_assigned(place, _one_each(node, args)) if decided else _row(node.op, args, place))

    def _choose(self, step: int, node: Node, args: Sequence[str]) -> None:
        """Emit ``other ^ (one ^ other) * mask`` on integers: a masked copy would branch for each element."""
        _, one, other = node.args
        self._release(step, [argument for argument in node.args if argument is not other])
        place = self.places[node.number] = self._place(step, node)
        between = self._block("s") if place == args[2] else place  # ``other`` is read once more at the end
        mask, first, second, result, change = args[0], *map(self._bits, (*args[1:], place, between))
        if _is_zero(other):
            self.rows.append(_row("multiply", [first, mask], result))
        else:
            if not _is_zero(one):
                self.rows.append(_row("bitwise_xor", [first, second], change))
            self.rows.append(_row("multiply", [second if _is_zero(one) else change, mask], change))
            self.rows.append(_row("bitwise_xor", [change, second], result))
        if between != place:
            self.free["s"].append(between)
        self._release(step, [other])

    def _guess(self, step: int, node: Node, operand: str) -> None:
        """Emit the first guess of a reciprocal cube root, see :mod:`mxcore.kernel.rule.roots`."""
        self._release(step, node.args)
        place = self.places[node.number] = self._place(step, node)
        given, bits = self._bits(operand), self._bits(place)
        self.rows += [
            f"zip(repeat(right_shift), {given}, repeat(drop), {bits})",
            *(
                f"zip(repeat({op}), {bits}, repeat({by}), {bits})"
                for op, by in (("multiply", "third"), ("left_shift", "back"))
            ),
            f"zip(repeat(subtract), repeat(magic), {bits}, {bits})",
        ]

    def _bits(self, place: str) -> str:
        """Return the name of an integer view of the same memory."""
        name = f"{place}_bits"
        self.views[name] = f"{name} = " + (
            f"{place}.view(bits)" if _is_constant(place) else f"[x.view(bits) for x in {place}]"
        )
        return name

    def _operand(self, node: Node, user: Node) -> str:
        if node.op != "constant":
            return str(self.places[node.number])
        kind = "mask" if user.op in LOGICAL and isinstance(node.value, bool) else "array"
        return f"c{self.constants.setdefault((kind, _constant(node)), len(self.constants))}"

    def _release(self, step: int, nodes: Iterable[Node]) -> None:
        """Free the scratch of the operands that are used here for the last time."""
        for node in dict.fromkeys(nodes):
            place = self.places.get(node.number, "")
            scratch = place[:1] in self.free and place[1:].isdigit()
            if scratch and self.last[node.number] == step:
                self.free[place[0]].append(place)

    def _place(self, step: int, node: Node) -> str:
        target = self.targets.get(node.number)
        if target and self.read_until.get(target, -1) <= step:
            return target
        return self._spent(step, node) or self._block("b" if node.kind == "mask" else "s")

    def _block(self, pool: str) -> str:
        if self.free[pool]:
            return self.free[pool].pop()
        self.made[pool] += 1
        return f"{pool}{self.made[pool] - 1}"

    def _spent(self, step: int, node: Node) -> str | None:
        """Find an operand that is not read after this step, and is not written before this result has been used."""
        inputs = [_array(argument.value) for argument in node.args if argument.op == "input"]
        for name in inputs if node.kind == "array" and node.op != "where" else ():
            at = self.written_at.get(name, -1)
            if self.read_until.get(name, at) <= step and self.last.get(node.number, at + 1) <= at:
                return name
        return None

    def move(self) -> None:
        """Emit the moves of results to where they belong, first those whose target is not the source of another."""
        moves = {_array(name): self._operand(node, node) for name, node in self.stage.written.items()}
        moves = {name: source for name, source in moves.items() if name != source}
        while moves:
            name = next((name for name in moves if name not in moves.values()), None)
            if name is not None:
                self.rows.append(_assigned(name, moves.pop(name)))
            else:  # a cycle: save one old value in a scratch block
                first, aside = next(iter(moves)), self._block("s")
                self.rows.append(_assigned(aside, first))
                moves = {name: aside if source == first else source for name, source in moves.items()}

    def measure(self) -> None:
        """Emit the reductions that the stage measures."""
        for number in self.stage.measured:
            node = self.traced.reductions[number]
            columns = ", ".join(_each(self._operand(x, node)) for x in node.args)
            self.rows.append(f"zip(repeat(measure), repeat({node.op!r}), repeat({number}), partials, {columns})")


def _array(name: Any) -> str:
    """Return what an array is called in emitted code; those of a wrapped rule have names such as ``inner/mean``."""
    return f"{identifier(name)}_"


def _is_constant(name: str) -> bool:
    return name[0] == "c" and name[1:].removesuffix("_bits").isdigit()


def _each(name: str) -> str:
    """Return the expression for a column, given its name."""
    return f"repeat({name})" if _is_constant(name) else name


def _row(op: str, args: Sequence[str], place: str) -> str:
    """Return the expression for a call in each chunk that writes its result to a place."""
    columns = ", ".join(map(_each, args))
    if op in _BY_KEYWORD:
        return f"zip([partial({op}, out=out) for out in {place}], {columns})"
    return f"zip(repeat({op}), {columns}, {place})"


def _assigned(place: str, values: str) -> str:
    return f"zip(repeat(setitem), {place}, repeat(...), {_each(values)})"


def _one_each(node: Node, args: Sequence[str]) -> str:
    """Return the expression that, for each chunk, computes a single value as a 0-d array, or picks an array."""
    names = [f"x{number}" for number in range(len(args))]
    if node.op == "where":
        value = f"{names[1]} if {names[0]} else {names[2]}"
    else:
        value = f"{node.op}({', '.join(names)}, out=empty((), {'bool' if node.kind == 'mask' else 'dtype'}))"
    return f"[{value} for {', '.join(names)}, in zip({', '.join(map(_each, args))})]"


def _decided(choice: Node) -> bool:
    """Return whether a choice is the same for all elements."""
    return choice.args[0].is_number or choice.args[0].single


def _constant(node: Node) -> str:
    assert node.value is not None
    return repr(float(node.value))


def _is_zero(node: Node) -> bool:
    return node.op == "constant" and _constant(node) == "0.0"


class Follow:
    """Makes masters follow their half-precision weights in NumPy: see :class:`~mxcore.kernel.rule.program.Storage`.

    Args:
        half: the dtype of the weights.
        shapes: the shapes of the chunks.
    """

    def __init__(self, half: npt.DTypeLike, shapes: Sequence[tuple[int, ...]]) -> None:
        self.rounded = new_column(half, shapes)
        self.copies = new_column(np.float32, shapes)
        self.masks = [new_column(np.bool_, shapes) for _ in range(2)]

    def calls(self, full: Column, masters: Column, halves: Column) -> list[tuple[Call, ...]]:
        """Return the calls that write the weights that the rule starts from to ``full``, chunk by chunk."""
        columns = zip(full, masters, halves, self.rounded, self.copies, *self.masks, strict=True)
        return [
            (
                (operator.setitem, weight, ..., half),
                (operator.setitem, rounded, ..., master),
                (operator.setitem, copy, ..., rounded),
                (np.not_equal, weight, weight, same),
                (np.not_equal, copy, copy, equal),
                (np.logical_and, same, equal, same),
                (np.equal, weight, copy, equal),
                (np.logical_or, same, equal, same),
                (functools.partial(np.positive, where=same), master, weight),
            )
            for weight, master, half, rounded, copy, same, equal in columns
        ]


def cut(full: Column, bound: float | None) -> list[Iterable[tuple[Call]]]:
    """Return the calls that clip blocks to what half precision can hold, see ``Storage.bound``, if there is a bound."""
    ends = [] if bound is None else [(np.minimum, np.float32(bound)), (np.maximum, np.float32(-bound))]
    return [[((functools.partial(limit, out=block), block, end),) for block in full] for limit, end in ends]


def new_column(dtype: npt.DTypeLike, shapes: Sequence[tuple[int, ...]]) -> Column:
    """Allocate a block that chunks of these shapes share, each using the beginning of it."""
    sizes = {shape: math.prod(shape) for shape in dict.fromkeys(shapes)}
    block = np.empty(max(sizes.values(), default=0), dtype)
    pieces = {shape: block[:size].reshape(shape) for shape, size in sizes.items()}
    return [pieces[shape] for shape in shapes]
