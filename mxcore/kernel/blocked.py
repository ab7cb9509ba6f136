"""Emit a traced rule as NumPy code over blocks that stay in the cache: no dependency, and the reference for the others.

Each operation of the rule is one call with ``out=``. Results go straight into the array that is updated where its old
value is no longer read, else into one of as few scratch blocks as possible.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import attrs
import numpy as np
import numpy.typing as npt

from mxcore.kernel.graph import Node
from mxcore.kernel.norm import sum_of_squares
from mxcore.kernel.trace import Stage, Traced

__all__ = ["Blocked", "Scratch", "emit"]


@attrs.frozen(eq=False)
class Blocked:
    """A compiled stage of a rule.

    Args:
        block: does one chunk: ``block(arrays, scratch, masks, uniforms, norms, partials)``.
        scratch: how many blocks of numbers it needs.
        masks: how many blocks of truth values it needs.
        source: its Python source.
    """

    block: Callable[..., None]
    scratch: int
    masks: int
    source: str


def emit(traced: Traced, stage: Stage) -> Blocked:
    """The NumPy code of a stage of a rule. Its arrays are those of ``traced.arrays``, in that order, and the noise."""
    writer = _Writer(traced, stage)
    lines = [*writer.operations(), *writer.copies(), *writer.sums()]
    arrays = ", ".join([*traced.arrays, *(["noise"] if traced.noisy else [])])
    unpack = [f"({arrays},) = arrays"]
    for count, name, source in (
        (writer.made["s"], "s", "scratch"),
        (writer.made["b"], "b", "masks"),
        (len(traced.uniforms), "u", "uniforms"),
        (len(traced.norms), "g", "norms"),
    ):
        if count:
            unpack.append(f"({', '.join(f'{name}{number}' for number in range(count))},) = {source}")
    body = "\n    ".join([*unpack, *lines])
    source = f"def block(arrays, scratch, masks, uniforms, norms, partials):\n    {body}\n"
    namespace: dict[str, Any] = {"np": np, "sum_of_squares": sum_of_squares, "inf": np.inf, "nan": np.nan}  # constants
    exec(compile(source, f"<rule of {traced.owner}>", "exec"), namespace)
    return Blocked(namespace["block"], writer.made["s"], writer.made["b"], source)


class _Writer:
    """Assigns a place to every value, and frees it after its last use."""

    def __init__(self, traced: Traced, stage: Stage) -> None:
        self.traced, self.stage = traced, stage
        self.steps = [node for node in stage.order if node.op not in ("input", "norm")]
        self.places = {node.number: str(node.value) for node in stage.order if node.op == "input"}
        self.places |= {node.number: f"u{number}" for number, node in enumerate(traced.uniforms)}
        self.places |= {node.number: f"g{number}" for number, node in enumerate(traced.norms)}
        self.last: dict[int, int] = {}
        for step, node in enumerate(self.steps):
            self.last |= {argument.number: step for argument in node.args}
        # An array that is written may be overwritten once its old value, if it was read at all, is no longer needed.
        computed = {node.number for node in self.steps}
        self.targets = {node.number: name for name, node in stage.written.items() if node.number in computed}
        self.outputs = {node.number for node in stage.written.values()}
        self.outputs |= {traced.norms[number].args[0].number for number in stage.norms}
        inputs = [node for node in stage.order if node.op == "input"]
        self.read_until = {
            str(node.value): len(self.steps) if node.number in self.outputs else self.last.get(node.number, -1)
            for node in inputs
        }
        self.written_at = {
            self.targets[node.number]: step for step, node in enumerate(self.steps) if node.number in self.targets
        }
        self.free: dict[str, list[str]] = {"s": [], "b": []}
        self.made = {"s": 0, "b": 0}

    def operations(self) -> list[str]:
        """One line for each operation of the rule."""
        return [line for step, node in enumerate(self.steps) for line in self._operation(step, node)]

    def _operation(self, step: int, node: Node) -> list[str]:
        args = [self._operand(argument) for argument in node.args]
        if node.single:
            place = self.places[node.number] = f"v{node.number}"
            return [f"{place} = np.{node.op}({', '.join(args)})"]
        if node.op != "where":  # whose result must not overwrite a choice before it is made
            self._release(step, node)
        place = self._place(step, node)
        self.places[node.number] = place
        if node.op != "where":
            return [f"np.{node.op}({', '.join(args)}, out={place})"]
        lines = [f"np.copyto({place}, {args[2]})"] if place != args[2] else []
        lines.append(f"np.copyto({place}, {args[1]}, where={self._condition(node.args[0], args[0])})")
        self._release(step, node)
        return lines

    def _condition(self, node: Node, operand: str) -> str:
        return operand if node.kind == "mask" else f"bool({operand})"

    def _operand(self, node: Node) -> str:
        return repr(node.value) if node.op == "constant" else str(self.places[node.number])

    def _release(self, step: int, node: Node) -> None:
        """Free the scratch of the operands that are used here for the last time."""
        for argument in dict.fromkeys(node.args):
            place = self.places.get(argument.number, "")
            scratch = place[:1] in self.free and place[1:].isdigit()
            if scratch and self.last[argument.number] == step and argument.number not in self.outputs:
                self.free[place[0]].append(place)

    def _place(self, step: int, node: Node) -> str:
        target = self.targets.get(node.number)
        if target and self.read_until.get(target, -1) <= step and not self._hides(target, node):
            return target
        if spent := self._spent(step, node):
            return spent
        pool = "b" if node.kind == "mask" else "s"
        if self.free[pool]:
            return self.free[pool].pop()
        self.made[pool] += 1
        return f"{pool}{self.made[pool] - 1}"

    def _spent(self, step: int, node: Node) -> str | None:
        """An operand that nobody reads after this step, and which is not written before this result has been used."""
        if node.number in self.outputs or node.op == "where":
            return None
        for argument in node.args:
            name = str(argument.value)
            at = self.written_at.get(name, -1) if argument.op == "input" else -1
            if (
                node.kind == "array"
                and self.read_until.get(name, at) <= step
                and self.last.get(node.number, at + 1) <= at
            ):
                return name
        return None

    def _hides(self, target: str, node: Node) -> bool:
        """Whether writing straight to ``target`` would overwrite an operand of a choice that is made in two steps."""
        return node.op == "where" and any(self._operand(argument) == target for argument in node.args[:2])

    def copies(self) -> list[str]:
        """Lines that move results to where they belong: aside first, where one array's old value goes to another."""
        moves = {name: self._operand(node) for name, node in self.stage.written.items()}
        moves = {name: source for name, source in moves.items() if name != source}
        aside = {source for source in moves.values() if source in moves}
        return [
            *(f"old_{source} = {source}.copy()" for source in sorted(aside)),
            *(f"np.copyto({name}, {'old_' * (source in aside)}{source})" for name, source in moves.items()),
        ]

    def sums(self) -> list[str]:
        """Lines that take the sums of squares of the norms that the stage measures."""
        measured = {number: self._operand(self.traced.norms[number].args[0]) for number in self.stage.norms}
        return [f"partials[{number}] = sum_of_squares({operand})" for number, operand in measured.items()]


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
        """The blocks, and those of truth values, cut to ``size`` elements."""
        if size not in self.cut:
            self.cut[size] = [block[:size] for block in self.numbers], [block[:size] for block in self.masks]
        return self.cut[size]
