"""Emit a traced rule as NumPy calls over blocks that stay in cache: no dependency, and the reference for the others.

A chunk is a table of calls, each of them C all the way: nothing in between can be interrupted, see
:func:`mxcore.kernel.commit`. Each operation of the rule is one call. Results go straight into the array that is
updated where its old value is no longer read, else into one of as few scratch blocks as possible.
"""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import attrs
import numpy as np
import numpy.typing as npt

from mxcore.kernel.calls import Call, commit
from mxcore.kernel.graph import LOGICAL, Node
from mxcore.kernel.norm import sum_of_squares
from mxcore.kernel.trace import Stage, Traced

__all__ = ["Blocked", "Scratch", "emit"]

_BY_KEYWORD = ("maximum", "minimum")  # NumPy warns where the output of these is positional


@attrs.frozen(eq=False)
class Blocked:
    """A compiled stage of a rule. Build and run its calls under ``np.errstate(all="ignore")``.

    Args:
        calls: the calls that do one chunk: ``calls(arrays, scratch, masks, uniforms, norms)``, where uniforms and norms
            are arrays of no dimension, which NumPy takes faster than scalars, and much faster than Python's floats.
        measure: makes these calls, and takes the sums of squares of a stage that measures norms:
            ``measure(arrays, scratch, masks, uniforms, norms, partials)``.
        scratch: how many blocks of numbers it needs.
        masks: how many blocks of booleans it needs.
        repeatable: whether calls may be kept and made again once uniforms have changed where they lie: nothing about
            them was decided, or computed ahead, by the values of uniforms and norms.
        source: its Python source.
    """

    calls: Callable[..., tuple[Call, ...]]
    measure: Callable[..., None]
    scratch: int
    masks: int
    repeatable: bool
    source: str


def emit(traced: Traced, stage: Stage, dtype: npt.DTypeLike) -> Blocked:
    """The NumPy code of a stage of a rule. Its arrays are those of ``traced.arrays``, in that order, and the noise.

    Args:
        traced: the rule.
        stage: the stage.
        dtype: the dtype of the arrays, float32 or float64.
    """
    writer = _Writer(traced, stage)
    for step, node in enumerate(writer.steps):
        writer.operation(step, node)
    writer.move()
    arrays = ", ".join(f"{name}_" for name in [*traced.arrays, *(["noise"] if traced.noisy else [])])
    unpack = [f"({arrays},) = arrays", *_unpacked("s", writer.made["s"], "scratch")]
    others = [*_unpacked("b", writer.made["b"], "masks"), *_unpacked("u", len(traced.uniforms), "uniforms")]
    others += _unpacked("g", len(traced.norms), "norms")
    rows = "".join(f"\n        {row}," for row in writer.rows)
    source = _function("calls", [*unpack, *others, *writer.singles, *writer.views.values(), f"return ({rows}\n    )"])
    run = "commit(calls(arrays, scratch, masks, uniforms, norms))"
    source += _function("measure", [run, *unpack, *writer.sums()], ", partials")
    namespace = _namespace((node.op for node in writer.steps), writer.constants, np.dtype(dtype))
    exec(compile(source, f"<rule of {traced.owner}>", "exec"), namespace)
    decided = any(node.op == "where" and _decided(node) for node in writer.steps)
    made, repeatable = writer.made, not (decided or writer.singles)
    return Blocked(namespace["calls"], namespace["measure"], made["s"], made["b"], repeatable, source)


def _function(name: str, lines: Sequence[str], more: str = "") -> str:
    body = "\n    ".join(lines)
    return f"def {name}(arrays, scratch, masks, uniforms, norms{more}):\n    {body}\n"


def _unpacked(letter: str, count: int, source: str) -> list[str]:
    names = ", ".join(f"{letter}{number}" for number in range(count))
    return [f"({names},) = {source}"] if count else []


def _namespace(names: Iterable[str], constants: Iterable[tuple[str, str]], dtype: np.dtype[Any]) -> dict[str, Any]:
    """What emitted code refers to; the names of arrays end in an underscore, so that none of them hides any of it."""
    known = {name: getattr(np, name) for name in (*names, "multiply", "bitwise_xor", "empty")}
    known |= {"partial": functools.partial, "setitem": operator.setitem, "sum_of_squares": sum_of_squares}
    with np.errstate(over="ignore"):
        values = {
            f"c{place}": np.array(float(value), np.bool_ if kind == "mask" else dtype)
            for place, (kind, value) in enumerate(constants)
        }
    return {"commit": commit, "dtype": dtype, "bits": np.dtype(f"i{dtype.itemsize}"), **known, **values}


class _Writer:
    """Assigns a place to every value, and frees it after its last use."""

    def __init__(self, traced: Traced, stage: Stage) -> None:
        self.traced, self.stage = traced, stage
        self.steps = [node for node in stage.order if node.op not in ("input", "norm")]
        self.places = {node.number: f"{node.value}_" for node in stage.order if node.op == "input"}
        self.places |= {node.number: f"u{number}" for number, node in enumerate(traced.uniforms)}
        self.places |= {node.number: f"g{number}" for number, node in enumerate(traced.norms)}
        self.last: dict[int, int] = {}
        for step, node in enumerate(self.steps):
            self.last |= {argument.number: step for argument in node.args}
        # An array that is written may be overwritten once its old value, if it was read at all, is no longer needed.
        computed = {node.number for node in self.steps}
        self.targets = {node.number: f"{name}_" for name, node in stage.written.items() if node.number in computed}
        self.outputs = {node.number for node in stage.written.values()}
        self.outputs |= {traced.norms[number].args[0].number for number in stage.norms}
        inputs = [node for node in stage.order if node.op == "input"]
        self.read_until = {
            f"{node.value}_": len(self.steps) if node.number in self.outputs else self.last.get(node.number, -1)
            for node in inputs
        }
        self.written_at = {
            self.targets[node.number]: step for step, node in enumerate(self.steps) if node.number in self.targets
        }
        self.free: dict[str, list[str]] = {"s": [], "b": []}
        self.made = {"s": 0, "b": 0}
        self.constants: dict[tuple[str, str], int] = {}
        self.singles: list[str] = []
        self.views: dict[str, str] = {}
        self.rows: list[str] = []

    def operation(self, step: int, node: Node) -> None:
        """Write what computes a node."""
        args = [self._operand(argument, node) for argument in node.args]
        if node.single:
            self.places[node.number] = f"v{node.number}"
            self.singles.append(f"v{node.number} = {_single(node, args)}")
        elif node.op == "where" and not _decided(node):
            self._choose(step, node, args)
        else:
            self._release(step, node.args)
            place = self.places[node.number] = self._place(step, node)
            self.rows.append(_row(node.op, args, place))

    def _choose(self, step: int, node: Node, args: Sequence[str]) -> None:
        """Write ``other ^ (one ^ other) * mask`` on integers: a copy under a mask would branch for each element."""
        _, one, other = node.args
        self._release(step, [argument for argument in node.args if argument is not other])
        place = self.places[node.number] = self._place(step, node)
        between = self._block("s") if place == args[2] else place  # the other is read once more at the end
        mask, first, second, result, change = args[0], *map(self._bits, (*args[1:], place, between))
        if _is_zero(other):
            self.rows.append(f"(multiply, {first}, {mask}, {result})")
        else:
            if not _is_zero(one):
                self.rows.append(f"(bitwise_xor, {first}, {second}, {change})")
            self.rows.append(f"(multiply, {second if _is_zero(one) else change}, {mask}, {change})")
            self.rows.append(f"(bitwise_xor, {change}, {second}, {result})")
        if between != place:
            self.free["s"].append(between)
        self._release(step, [other])

    def _bits(self, place: str) -> str:
        """The same memory as integers."""
        self.views[f"{place}_bits"] = f"{place}_bits = {place}.view(bits)"
        return f"{place}_bits"

    def _operand(self, node: Node, user: Node) -> str:
        if node.op != "constant":
            return str(self.places[node.number])
        kind = "mask" if user.op in LOGICAL and isinstance(node.value, bool) else "array"
        return f"c{self.constants.setdefault((kind, _constant(node)), len(self.constants))}"

    def _release(self, step: int, nodes: Iterable[Node]) -> None:
        """Free the scratch of those operands that are used here for the last time."""
        for node in dict.fromkeys(nodes):
            place = self.places.get(node.number, "")
            scratch = place[:1] in self.free and place[1:].isdigit()
            if scratch and self.last[node.number] == step and node.number not in self.outputs:
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
        """An operand that nobody reads after this step, and which is not written before this result has been used."""
        if node.number in self.outputs or node.op == "where":
            return None
        for argument in node.args:
            name = f"{argument.value}_"
            at = self.written_at.get(name, -1) if argument.op == "input" else -1
            if (
                node.kind == "array"
                and self.read_until.get(name, at) <= step
                and self.last.get(node.number, at + 1) <= at
            ):
                return name
        return None

    def move(self) -> None:
        """Write what moves results to where they belong: first to where nothing is that has to move itself."""
        moves = {f"{name}_": self._operand(node, node) for name, node in self.stage.written.items()}
        moves = {name: source for name, source in moves.items() if name != source}
        while moves:
            name = next((name for name in moves if name not in moves.values()), None)
            if name is not None:
                self.rows.append(f"(setitem, {name}, ..., {moves.pop(name)})")
            else:  # in a circle: one old value is put aside
                first, aside = next(iter(moves)), self._block("s")
                self.rows.append(f"(setitem, {aside}, ..., {first})")
                moves = {name: aside if source == first else source for name, source in moves.items()}

    def sums(self) -> list[str]:
        """Lines that take the sums of squares of the norms that the stage measures."""
        measured = {number: self.traced.norms[number].args[0] for number in self.stage.norms}
        return [f"partials[{number}] = sum_of_squares({self._operand(x, x)})" for number, x in measured.items()]


def _row(op: str, args: Sequence[str], place: str) -> str:
    if op == "where":  # depending on one value for all elements
        return f"(setitem, {place}, ..., {args[1]} if {args[0]} else {args[2]})"
    if op in _BY_KEYWORD:
        return f"(partial({op}, out={place}), {', '.join(args)})"
    return f"({op}, {', '.join(args)}, {place})"


def _single(node: Node, args: Sequence[str]) -> str:
    """What computes one value for all elements, as an array without dimensions."""
    if node.op == "where":
        return f"{args[1]} if {args[0]} else {args[2]}"
    return f"{node.op}({', '.join(args)}, out=empty((), {'bool' if node.kind == 'mask' else 'dtype'}))"


def _decided(choice: Node) -> bool:
    """Whether it is made for all elements at once."""
    return choice.args[0].is_number or choice.args[0].single


def _constant(node: Node) -> str:
    assert node.value is not None
    return repr(float(node.value))


def _is_zero(node: Node) -> bool:
    return node.op == "constant" and _constant(node) == "0.0"


class Scratch:
    """The blocks that a stage computes in.

    Args:
        stage: the compiled stage.
        dtype: the type of the arrays.
        size: the elements of the longest chunk.
    """

    def __init__(self, stage: Blocked, dtype: npt.DTypeLike, size: int) -> None:
        self.numbers = [np.empty(size, dtype) for _ in range(stage.scratch)]
        self.masks = [np.empty(size, np.bool_) for _ in range(stage.masks)]
        self.cut: dict[int, tuple[list[npt.NDArray[Any]], list[npt.NDArray[Any]]]] = {}

    def of(self, size: int) -> tuple[list[npt.NDArray[Any]], list[npt.NDArray[Any]]]:
        """The blocks, and those of booleans, cut to ``size`` elements."""
        if size not in self.cut:
            self.cut[size] = [block[:size] for block in self.numbers], [block[:size] for block in self.masks]
        return self.cut[size]
