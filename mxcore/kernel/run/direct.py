"""A plan that calls the rule itself on arrays, one parameter after the other.

It updates arrays of libraries for which there is no emitter, and the conformance kit compares kernels with it.

Everything is computed before anything is written, so that a failing rule changes nothing.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from mxcore.backend import Array
from mxcore.kernel.rule.program import SIZE, Member, Program, Row, RuleError
from mxcore.kernel.rule.reduction import among, finished
from mxcore.kernel.rule.traced import Traced
from mxcore.kernel.run.calls import Call, Steps, quietly
from mxcore.kernel.run.fold import UNEVEN, Contribution
from mxcore.kernel.run.layout import in_parts, parts_of
from mxcore.kernel.run.plan import ArrayPlan, looks_at_all, noise_key, traced
from mxcore.random.generators import Generator

if TYPE_CHECKING:
    from mxcore.backend import Backend


class _MissingError(Exception):
    """A rule needs a reduction over all parameters that is not known yet."""


def _traced(program: Program, static: Mapping[str, Any]) -> Traced | None:
    try:
        return traced(program, tuple(sorted(static.items())))
    except TypeError:  # it is not in the language of rules, and so there are no other bits to agree with
        return None


class DirectPlan(ArrayPlan):
    """A rule over parameters of one library; see :class:`mxcore.kernel.Plan`."""

    shared = False

    def __init__(
        self, backend: Backend, program: Program, static: Mapping[str, Any], members: Sequence[Member]
    ) -> None:
        super().__init__(program, members, ("weight", *program.array_slots))
        self.backend, self.program, self.static = backend, program, static
        self.traced = _traced(program, static)
        self.by_row = self.traced is not None and self.traced.by_row
        self.over_all = self.traced is None or looks_at_all(program, self.traced)
        self.labels = [(member.label, member.noise_key) for member in members]

    def prepare(self, numbers: Mapping[str, Any], rows: Sequence[Row], row_of: Sequence[int]) -> None:
        """Set the numbers of a step."""
        self.numbers, self.rows, self.row_of = numbers, rows, row_of
        self.host = [{} for _ in rows]

    def steps(self, handed_over: Sequence[Sequence[Array]]) -> Steps:
        """Compute a step, and return the calls that write the results.

        A rule with reductions over all parameters is called once more for each of them.

        Raises:
            TypeError: the rule returns a different number of values, or another dtype or shape, than it was given.
        """
        self._totals: list[tuple[float, int]] = []
        while (calls := self._calls(list(zip(*handed_over, strict=True)))) is None:
            yield
        return calls

    def _calls(self, parameters: Sequence[Sequence[Array]]) -> list[Call] | None:
        """Return the calls that write, or None if a reduction over all parameters is missing."""
        host = [slot.name for slot in self.program.slots if slot.on_host]
        self.late = [{} for _ in parameters]
        self._missing: list[tuple[str, float, int]] = []
        writes: list[Call] = []
        for place, ((label, key), arrays) in enumerate(zip(self.labels, parameters, strict=True)):
            with self.backend.on(self.backend.device_of(arrays[0])), np.errstate(all="ignore"):
                own = dict(zip(self.program.row, self.rows[self.row_of[place]], strict=True))
                given = dict(zip(self.given, map(_in_parts, arrays), strict=True))
                numbers = {SIZE: given["weight"].size, **self.numbers, **own, **self.static}
                value, noted = functools.partial(self._value, iter(self._totals)), list[float]()
                try:
                    with among(value, self.storage.dtype, by_row=self.by_row, noted=noted):
                        new = self._compute(label, key, given, numbers)
                except _MissingError:
                    continue
                self.late[place] = {name: float(new[name]) for name in host} | self._exactly(
                    place, noted, given["weight"]
                )
                for name, array in self.written_of(arrays):
                    if name in new:
                        writes += self.backend.assignment(array, _of_parts(new[name], array))
        if self._missing and len(self._missing) < len(parameters):
            raise RuleError(UNEVEN)
        return None if self._missing else writes

    def _exactly(self, place: int, noted: Sequence[float], weight: Array) -> dict[str, float]:
        """Return the host numbers that depend on reductions, in double precision like those of kernels."""
        if self.traced is None or not self.traced.late:
            return {}
        values = {node.number: np.float64(value) for node, value in zip(self.traced.calls, noted, strict=True)}
        reductions = [values.get(node.number, weight.size) for node in self.traced.reductions]
        _, epilogue = self.traced.epilogue(self.numbers)
        (late,) = quietly(epilogue, [], 0, [(*self.rows[self.row_of[place]], *reductions)])
        return late

    def _value(self, known: Iterator[tuple[float, int]], name: str, total: float, count: int) -> Any:
        """Return the value of a reduction over all parameters, or note what this one contributes."""
        for found in known:
            return finished(name, *found)
        self._missing.append((name, total, count))
        raise _MissingError

    def contributions(self, stage: int) -> list[Contribution]:
        """See :class:`mxcore.kernel.run.fold.Folded`."""
        if not self._missing:
            return []
        names, totals, counts = zip(*self._missing, strict=True)
        return [Contribution(names[0], np.array(totals), np.array(counts))]

    def fill(self, stage: int, totals: Sequence[tuple[float, int]]) -> None:
        """See :class:`mxcore.kernel.run.fold.Folded`."""
        self._totals += totals

    def _compute(
        self, label: str, key: object, given: Mapping[str, Array], numbers: Mapping[str, Any]
    ) -> dict[str, Any]:
        """Return the new weight and slots of one parameter."""
        weight = given["weight"]
        arrays = {name: array for name, array in given.items() if name != "half_weight"}
        if self.program.noisy:
            draw = Generator(noise_key(key, numbers["t"])).standard_normal(weight.shape, np.dtype(self.storage.dtype))
            arrays["noise"] = self.backend.from_host(draw, self.backend.device_of(weight))
        if self.storage.master:
            arrays["weight"] = self._followed(weight, given["half_weight"])
        dtype = np.dtype(self.storage.dtype)
        for name, array in arrays.items():
            arrays[name] = array if array.dtype == dtype else self.backend.copy(array, dtype)
        new_weight, slots = self.program.unpack(self.program.apply(self.backend.xp, arrays, numbers))
        new = {"weight": new_weight, **slots}
        for name in ("weight", *self.program.array_slots):
            if name != "weight" and new[name] is arrays[name]:  # it stays as it is
                del new[name]
                continue
            self._check_returned(label, name, new[name], arrays[name])
            if (bound := self.storage.bound(name)) is not None:
                new[name] = self.backend.xp.clip(new[name], -bound, bound)
            # A rule may return an array that it was given, which writing another result could change.
            if any(new[name] is old for old in arrays.values()):
                new[name] = self.backend.copy(new[name])
        return new

    def _followed(self, master: Array, half: Array) -> Array:
        """Return the master, but elements of the half-precision weight where rounding the master does not give them."""
        weight = self.backend.copy(half, np.float32)
        rounded = self.backend.copy(self.backend.copy(master, half.dtype), np.float32)
        same = (weight == rounded) | ((weight != weight) & (rounded != rounded))
        return self.backend.xp.where(same, master, weight)

    def _check_returned(self, label: str, name: str, new: Any, old: Array) -> None:
        got = (getattr(new, "dtype", type(new).__name__), getattr(new, "shape", None))
        if got != (old.dtype, old.shape):
            raise TypeError(
                f"{self.program.owner}.rule returned {name} as {got[0]} of shape {got[1]} for {label}, whose {name} is "
                f"{old.dtype} of shape {old.shape}: use Python floats as scalars, and only element-wise operations"
            )


def _in_parts(array: Array) -> Array:
    """Return a complex array as a real one with a further axis, or along the only axis of a vector."""
    if parts_of(array) == 1:
        return array
    found = in_parts(array[..., None])
    return found if array.ndim > 1 else found.reshape(-1)


def _of_parts(new: Array, old: Array) -> Array:
    """Return such an array as a complex one like the old one; any other as it is."""
    return new if parts_of(old) == 1 else new.reshape(*old.shape, 2).view(old.dtype)[..., 0]
