"""What a traced rule computes: its values in order, and the passes over the elements that compute them."""

from __future__ import annotations

import functools
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import NoReturn

import attrs

from mxcore.kernel.rule.graph import REDUCTIONS, Graph, Node, needed
from mxcore.kernel.rule.program import Program
from mxcore.kernel.rule.prologue import Bind, host_function, varying

Refuse = Callable[[str], NoReturn]


@attrs.frozen(eq=False)
class Stage:
    """One pass over the elements: it measures reductions or, if it is the last one, writes arrays.

    Args:
        order: every array and mask that it needs, arguments first; their reductions are known from earlier stages.
        written: the arrays that it writes, with the new value of each.
        measured: the positions in :attr:`Traced.reductions` of those that it measures.
    """

    order: tuple[Node, ...]
    written: Mapping[str, Node]
    measured: range


@attrs.frozen(eq=False)
class Traced:
    """What a rule computes.

    Args:
        owner: the optimizer's class name.
        arrays: the names of the arrays that are read or written, ``weight`` and ``grad`` first, then the slots.
        written: the arrays that are written, with the new value of each.
        host: the host slots, with the new value of each.
        row: the names of the numbers that may differ between parameters.
        uniforms: the numbers, other than constants, from which arrays are computed. Those that are the same for all
            parameters come first.
        shared: how many uniforms are the same for all parameters.
        calls: the reductions of the rule, in the order of its calls.
        reductions: those that it needs, each once, in the order in which they are measured.
        late: the host slots that depend on reductions, with the new value of each.
        stages: the passes, one after the other.
        noisy: whether it uses ``noise``, which is drawn, not read.
    """

    owner: str
    arrays: tuple[str, ...]
    written: Mapping[str, Node]
    host: Mapping[str, Node]
    row: tuple[str, ...]
    uniforms: tuple[Node, ...]
    shared: int
    calls: tuple[Node, ...]
    reductions: tuple[Node, ...]
    late: Mapping[str, Node]
    stages: tuple[Stage, ...]
    noisy: bool

    @property
    def in_order(self) -> bool:
        """Whether the order of the elements in memory matters."""
        return self.noisy or bool(self.reductions)

    @property
    def by_row(self) -> bool:
        """Whether a reduction covers a row."""
        return any(node.value == "row" for node in self.reductions)

    @functools.cached_property
    def prologue(self) -> Bind:
        """The function that computes the uniforms and the host slots."""
        return host_function(self.row, self.uniforms, self.host)

    @functools.cached_property
    def epilogue(self) -> Bind:
        """The function that computes the host slots that depend on reductions, from rows that end with these."""
        return host_function(self.row, (), self.late, self.reductions)


def arranged(
    program: Program, outputs: Mapping[str, Node], calls: Iterable[Node], graph: Graph, refuse: Refuse
) -> Traced:
    """Return what a rule computes, from the new values of its arrays and host slots.

    Args:
        program: the program of the rule.
        outputs: the new values.
        calls: the reductions that the rule has called.
        graph: the graph of all values.
        refuse: raises an error that completes the sentence "the rule of …".
    """
    slots = {slot.name: outputs[slot.name] for slot in program.slots if slot.on_host}
    written = {name: node for name, node in outputs.items() if name not in slots and not _is_kept(name, node)}
    if wrong := [name for name, node in written.items() if node.kind != "array" or node.single]:
        refuse(f"returns {written[wrong[0]].noun} for {wrong[0]!r}, which must be an array")
    for name, node in slots.items():
        if not (node.is_number or node.single) or node.kind == "mask" or _is_of_rows(node):
            refuse(f"returns {node.noun} for {name!r}, which must be one number per parameter")
    of_model = [slot.name for slot in program.slots if slot.of_model]
    for name in of_model:
        _check_shared(refuse, graph, name, slots[name], {*program.row} - {"num_update", *of_model, *program.common})
    late = {name: node for name, node in slots.items() if node.single}
    host = {name: node for name, node in slots.items() if node.is_number}
    order = needed([*written.values(), *late.values()])
    computed = tuple(node for node in order if not node.is_number)
    used = {argument.number: argument for node in computed for argument in node.args if argument.is_number}
    numbers = [node for _, node in sorted(used.items()) if node.op != "constant"]
    varies = varying(program.row, numbers)
    uniforms = tuple(sorted(numbers, key=lambda node: node.number in varies))
    read = {node.value for node in computed if node.op == "input"}
    arrays = tuple(name for name in program.arrays if (name in read and name != "noise") or name in written)
    reductions, stages = _staged(written, late)
    shared, noisy = sum(node.number not in varies for node in numbers), "noise" in read
    of_rule = program.owner, arrays, written, host, program.row, uniforms, shared
    return Traced(*of_rule, tuple(calls), reductions, late, stages, noisy)


def _check_shared(refuse: Refuse, graph: Graph, name: str, node: Node, own: Collection[str]) -> None:
    """Refuse a new value of a slot of the whole model that may differ between parameters, as these numbers do."""
    over_all = [other for other in graph.nodes.values() if other.op in REDUCTIONS and other.value == "all"]
    for other in needed([node], over_all):
        number = other.value if other.op == "input" and other.value in own else None
        if number or (other.op in REDUCTIONS and other not in over_all):
            what = repr(number) if number else f"the {other.op} of a {other.value}"
            refuse(
                f"computes {name!r}, which is the same for all parameters, from {what}, which is not: "
                'use it only inside reductions with over="all"'
            )


def _is_kept(name: str, node: Node) -> bool:
    """Return whether the new value of a slot is the old one, which needs not be written."""
    return name != "weight" and node.op == "input" and node.value == name


def _is_of_rows(node: Node) -> bool:
    """Whether there is a value for each row: one that depends on a reduction of rows, which no other has reduced."""
    waiting, seen = [node], set[int]()
    while waiting:
        one = waiting.pop()
        if one.number in seen:
            continue
        seen.add(one.number)
        if one.op not in REDUCTIONS:
            waiting += one.args
        elif one.value == "row":
            return True
    return False


def _staged(written: Mapping[str, Node], late: Mapping[str, Node]) -> tuple[tuple[Node, ...], tuple[Stage, ...]]:
    """Return the reductions that results depend on, and the stages: first all that need no other, and so on."""
    found = [node for node in needed([*written.values(), *late.values()]) if node.op in REDUCTIONS]
    reductions = [node for node in found if not node.args]
    waiting = [node for node in found if node.args]
    stages: list[Stage] = []
    while waiting:
        ready = [node for node in waiting if not any(other in waiting for other in needed(node.args))]
        arguments = [argument for node in ready for argument in node.args]
        measured = range(len(reductions), len(reductions) + len(ready))
        stages.append(Stage(_arrays(arguments, reductions), {}, measured))
        reductions += ready
        waiting = [node for node in waiting if node not in ready]
    stages.append(Stage(_arrays(written.values(), reductions), written, range(0)))
    return tuple(reductions), tuple(stages)


def _arrays(outputs: Iterable[Node], given: Collection[Node]) -> tuple[Node, ...]:
    return tuple(node for node in needed(outputs, given) if not node.is_number)
