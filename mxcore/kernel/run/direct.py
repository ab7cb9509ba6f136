"""A plan that runs a rule directly on arrays, one parameter after the other: for half precision without a master.

Everything is computed before anything is written, so that a rule which fails changes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from mxcore.backend import Array
from mxcore.kernel.rule.program import Member, Program, Row
from mxcore.kernel.run.calls import Call
from mxcore.kernel.run.layout import address_view, check_written
from mxcore.kernel.run.noise import noise_key
from mxcore.random.generators import Generator

if TYPE_CHECKING:
    from mxcore.backend import Backend

__all__ = ["DirectPlan"]


class DirectPlan:
    """One rule over parameters of one library; see :class:`mxcore.kernel.Plan`."""

    shared = repeatable = False

    def __init__(
        self, backend: Backend, program: Program, static: Mapping[str, Any], members: Sequence[Member]
    ) -> None:
        self.backend, self.program, self.static = backend, program, static
        self.labels = [(member.label, member.noise_key) for member in members]
        self.has_master = members[0].master is not None
        for member in members:
            for name, array in self.written_of(member.handed_over):
                check_written(f"the {name} of {member.label}", address_view(array))
        self.host: list[dict[str, float]] = []

    def prepare(self, numbers: Mapping[str, Any], rows: Sequence[Row], row_of: Sequence[int]) -> None:
        """Take the numbers of a step."""
        self.numbers, self.rows, self.row_of = numbers, rows, row_of

    def written_of(self, handed_over: Sequence[Array]) -> list[tuple[str, Array]]:
        """The arrays of a parameter that a step writes, each with what to call it."""
        weight, _, *further = handed_over
        names = (*["weight"] * self.has_master, *self.program.array_slots)
        return [("weight", weight), *zip(names, further, strict=True)]

    def calls(self, handed_over: Sequence[Sequence[Array]]) -> list[Call]:
        """Compute a step; the calls that write what has been computed.

        Raises:
            TypeError: the rule returns another number of values, or another dtype or shape, than it was given.
        """
        host = [slot.name for slot in self.program.slots if slot.on_host]
        self.host = [{} for _ in self.rows]
        writes: list[Call] = []
        for place, (arrays, row) in enumerate(zip(zip(*handed_over, strict=True), self.row_of, strict=True)):
            with self.backend.on(self.backend.device_of(arrays[0])), np.errstate(all="ignore"):
                own = dict(zip(self.program.row, self.rows[row], strict=True))
                member = self._member(place, arrays)
                weight, slots = self._compute(member, {**self.numbers, **own, **self.static})
                self.host[row] = {name: float(slots[name]) for name in host}
                writes += self._write(member, weight, slots)
        return writes

    def _member(self, place: int, arrays: Sequence[Array]) -> Member:
        label, noise_key = self.labels[place]
        weight, grad, *further = arrays
        master = further.pop(0) if self.has_master else None
        slots = dict(zip(self.program.array_slots, further, strict=True))
        return Member(label, weight, grad, master, slots, self.static, noise_key)

    def _compute(self, member: Member, numbers: Mapping[str, Any]) -> tuple[Array, dict[str, Any]]:
        """The new weight and slots of one parameter."""
        arrays = {"weight": member.computed, "grad": member.grad, **member.arrays}
        if self.program.takes("noise"):
            arrays["noise"] = self._noise(member, numbers)
        weight = self._widened(member.computed)
        arrays = {name: self._as(array, weight.dtype) for name, array in {**arrays, "weight": weight}.items()}
        new_weight, slots = self.program.unpack(self.program.apply(self.backend.xp, arrays, numbers))
        for name, new in {"weight": new_weight, **{name: slots[name] for name in member.arrays}}.items():
            self._check(member, name, new, arrays[name])
        return self._apart(new_weight, slots, arrays)

    def _widened(self, array: Array) -> Array:
        """An array that a rule can compute with: bfloat16 times a Python number is float32 already."""
        return self._as(array, np.dtype(np.float32)) if array.dtype.name == "bfloat16" else array

    def _as(self, array: Array, dtype: Any) -> Array:
        return array if array.dtype == dtype else self.backend.copy(array, dtype)

    def _noise(self, member: Member, numbers: Mapping[str, Any]) -> Array:
        weight = member.computed
        draw = Generator(noise_key(member.noise_key, numbers["t"])).standard_normal(weight.shape, weight.dtype)
        return self.backend.from_host(draw, self.backend.device_of(weight))

    def _apart(self, weight: Array, slots: dict[str, Any], olds: Mapping[str, Array]) -> tuple[Array, dict[str, Any]]:
        """The results, with copies of what a rule passes on as it came: writing another result may change it."""

        def own(new: Any) -> Any:
            return self.backend.copy(new) if any(new is old for old in olds.values()) else new

        return own(weight), {name: own(new) for name, new in slots.items()}

    def _check(self, member: Member, name: str, new: Any, old: Array) -> None:
        got = (getattr(new, "dtype", type(new).__name__), getattr(new, "shape", None))
        if got != (old.dtype, old.shape):
            raise TypeError(
                f"{self.program.owner}.rule returned {name} as {got[0]} of shape {got[1]} for {member.label}, whose "
                f"{name} is {old.dtype} of shape {old.shape}: keep scalars Python floats and operate element by element"
            )

    def _write(self, member: Member, weight: Array, slots: Mapping[str, Any]) -> list[Call]:
        pairs = [(member.computed, weight), *((array, slots[name]) for name, array in member.arrays.items())]
        if member.master is not None:
            pairs.append((member.weight, weight))
        return [call for array, values in pairs for call in self.backend.assignment(array, values)]
