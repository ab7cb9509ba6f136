"""What the arrays of a parameter are stored in, where a rule computes in something wider."""

from __future__ import annotations

from collections.abc import Iterable

import attrs

from mxcore.kernel.rule.program import Member

_LARGEST = {"float16": 65504.0, "bfloat16": 3.3895313892515355e38}
_WEIGHTS = ("weight", "half_weight", "grad")


@attrs.frozen
class Storage:
    """The dtypes of the arrays of a rule.

    Half precision is computed in float32. Without a master, every array is stored in half precision, and rounded once
    per step. With one, the gradient is, and ``half_weight``, which is written beside the master ``weight``.

    A master follows what the program writes into its half-precision weight: it counts as long as rounding it gives
    that weight, and else the weight does.

    Args:
        dtype: what the rule computes in, ``"float32"`` or ``"float64"``.
        half: ``"float16"`` or ``"bfloat16"`` for half-precision weights, or None.
        master: whether these have float32 masters.
    """

    dtype: str
    half: str | None = None
    master: bool = False

    @classmethod
    def of(cls, member: Member) -> Storage:
        """The storage of a parameter."""
        dtype = member.weight.dtype.name
        return cls("float32", dtype, member.master is not None) if member.weight.dtype.itemsize == 2 else cls(dtype)

    def columns(self, arrays: Iterable[str]) -> tuple[str, ...]:
        """The arrays of a rule, with the one that is written beside the master."""
        return (*arrays, *(["half_weight"] if self.master else []))

    def in_half(self, name: str) -> bool:
        """Whether an array is stored in half precision."""
        return self.half is not None and name != "noise" and (not self.master or name in ("grad", "half_weight"))

    def bound(self, name: str) -> float | None:
        """The largest number that state in half precision can hold, to which what exceeds it is cut; else None.

        As infinity it would turn the weight into NaN at the next step, where a rule divides by it.
        """
        return _LARGEST[self.half] if self.half and self.in_half(name) and name not in _WEIGHTS else None

    def read(self, arrays: Iterable[str]) -> set[str]:
        """The arrays that are read where these are asked for: a master is compared with its weight."""
        read = set(arrays)
        return {*read, "half_weight"} if self.master and "weight" in read else read
