"""A plan that calls the rule itself on arrays, one parameter after the other.

It updates arrays of libraries for which there is no emitter, and the conformance kit compares kernels with it.

Everything is computed before anything is written, so that a failing rule changes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from mxcore.backend import Array
from mxcore.kernel.rule.program import Member, Program, Row
from mxcore.kernel.run.calls import Call
from mxcore.kernel.run.plan import ArrayPlan, noise_key
from mxcore.random.generators import Generator

if TYPE_CHECKING:
    from mxcore.backend import Backend


class DirectPlan(ArrayPlan):
    """A rule over parameters of one library; see :class:`mxcore.kernel.Plan`."""

    shared = False

    def __init__(
        self, backend: Backend, program: Program, static: Mapping[str, Any], members: Sequence[Member]
    ) -> None:
        super().__init__(program, members, ("weight", *program.array_slots))
        self.backend, self.program, self.static = backend, program, static
        self.labels = [(member.label, member.noise_key) for member in members]

    def prepare(self, numbers: Mapping[str, Any], rows: Sequence[Row], row_of: Sequence[int]) -> None:
        """Set the numbers of a step."""
        self.numbers, self.rows, self.row_of = numbers, rows, row_of

    def calls(self, handed_over: Sequence[Sequence[Array]]) -> list[Call]:
        """Compute a step, and return the calls that write the results.

        Raises:
            TypeError: the rule returns a different number of values, or another dtype or shape, than it was given.
        """
        host = [slot.name for slot in self.program.slots if slot.on_host]
        self.host = [{} for _ in self.rows]
        writes: list[Call] = []
        for (label, key), arrays, row in zip(self.labels, zip(*handed_over, strict=True), self.row_of, strict=True):
            with self.backend.on(self.backend.device_of(arrays[0])), np.errstate(all="ignore"):
                own = dict(zip(self.program.row, self.rows[row], strict=True))
                given = dict(zip(self.given, arrays, strict=True))
                new = self._compute(label, key, given, {**self.numbers, **own, **self.static})
                self.host[row] = {name: float(new[name]) for name in host}
                for name, array in self.written_of(arrays):
                    writes += self.backend.assignment(array, new[name])
        return writes

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
