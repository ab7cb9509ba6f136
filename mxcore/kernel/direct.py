"""A plan that runs a rule directly on arrays, one parameter after the other: for half precision without a master.

Everything is computed before anything is written, so that a rule which fails changes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from mxcore.backend import Array
from mxcore.generator import Generator
from mxcore.kernel.noise import noise_key
from mxcore.kernel.program import Member, Program, Row

if TYPE_CHECKING:
    from mxcore.backend import Backend

__all__ = ["DirectPlan"]


class DirectPlan:
    """One rule over parameters of one library; see :class:`mxcore.kernel.plan.FusedPlan`."""

    def __init__(
        self, backend: Backend, program: Program, static: Mapping[str, Any], members: Sequence[Member]
    ) -> None:
        self.backend, self.program, self.static, self.members = backend, program, static, members
        self.grads = [member.grad for member in members]
        self.results: list[tuple[Array, dict[str, Any]]] = []

    def set_grad(self, position: int, grad: Array) -> None:
        """Let a parameter have another array as its gradient."""
        self.grads[position] = grad

    def set_grads(self, grads: Sequence[Array]) -> Sequence[int]:
        """Take over new gradients at once; the positions of those that need a look are returned."""
        return range(len(grads))

    def prepare(self, numbers: Mapping[str, Any], rows: Sequence[Row], row_of: Sequence[int]) -> None:
        """Compute a step; nothing is updated yet.

        Raises:
            TypeError: the rule returns another number of values, or another dtype or shape, than it was given.
        """
        self.results = []
        with np.errstate(all="ignore"):
            for member, grad, row in zip(self.members, self.grads, row_of, strict=True):
                with self.backend.on(self.backend.device_of(member.weight)):
                    own = dict(zip(self.program.row, rows[row], strict=True))
                    self.results.append(self._compute(member, grad, {**numbers, **own, **self.static}))
        host = [slot.name for slot in self.program.slots if slot.on_host]
        self.host: list[dict[str, float]] = [{} for _ in rows]
        for row, (_, slots) in zip(row_of, self.results, strict=True):
            self.host[row] = {name: float(slots[name]) for name in host}

    def commit(self) -> list[dict[str, float]]:
        """Write what has been computed; the new host numbers of each row."""
        for member, (weight, slots) in zip(self.members, self.results, strict=True):
            self._write(member, weight, slots)
        self.results = []
        return self.host

    def _compute(self, member: Member, grad: Array, numbers: Mapping[str, Any]) -> tuple[Array, dict[str, Any]]:
        """The new weight and slots of one parameter."""
        arrays = {"weight": member.computed, "grad": grad, **member.arrays}
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

    def _write(self, member: Member, weight: Array, slots: Mapping[str, Any]) -> None:
        if member.master is not None:
            self.backend.fill(member.master, weight)
        self.backend.fill(member.weight, weight)
        for name, array in member.arrays.items():
            self.backend.fill(array, slots[name])
