"""Where many arrays lie, found in one native loop: through Python each of them would cost more than a microsecond.

The loop reads the head of NumPy's array objects, whose layout is part of NumPy's binary interface. It accepts plain
arrays alone, and leaves everything else to a closer look.
"""

from __future__ import annotations

import ctypes
import functools
from collections.abc import Sequence
from typing import Any

import numpy as np

from mxcore.kernel.layout import Host, address
from mxcore.kernel.machine import compile_ir
from mxcore.kernel.program import Member

__all__ = ["Gather"]

_CONTIGUOUS_AND_ALIGNED = 0x0001 | 0x0100
_HEAD = object.__basicsize__
_FUNCTION = ctypes.PYFUNCTYPE(ctypes.c_int64, *[ctypes.c_void_p] * 3, ctypes.c_int64, ctypes.c_int64)


def _source() -> str:
    """IR of ``gather(objects, expected, addresses, count, columns)``, which returns how many arrays it has taken.

    It stops at the first that is not plain. ``expected`` has, for each array, its type, dtype, number of axes, and
    where the lengths of its axes are listed.
    """
    return f"""
define i64 @gather(ptr %objects, ptr %expected, ptr %addresses, i64 %count, i64 %columns) {{
entry:
  %any = icmp sgt i64 %count, 0
  br i1 %any, label %array, label %done
array:
  %i = phi i64 [0, %entry], [%next, %take]
  %object_p = getelementptr ptr, ptr %objects, i64 %i
  %object = load ptr, ptr %object_p
  %wanted = getelementptr [4 x i64], ptr %expected, i64 %i
  %type_p = getelementptr i8, ptr %object, i64 {_HEAD - 8}
  %type = load i64, ptr %type_p
  %type_w = load i64, ptr %wanted
  %type_ok = icmp eq i64 %type, %type_w
  br i1 %type_ok, label %plain, label %stop
plain:
  %data_p = getelementptr i8, ptr %object, i64 {_HEAD}
  %data = load i64, ptr %data_p
  %axes_p = getelementptr i8, ptr %object, i64 {_HEAD + 8}
  %axes_32 = load i32, ptr %axes_p
  %axes = sext i32 %axes_32 to i64
  %lengths_p = getelementptr i8, ptr %object, i64 {_HEAD + 16}
  %lengths = load ptr, ptr %lengths_p
  %dtype_p = getelementptr i8, ptr %object, i64 {_HEAD + 40}
  %dtype = load i64, ptr %dtype_p
  %flags_p = getelementptr i8, ptr %object, i64 {_HEAD + 48}
  %flags = load i32, ptr %flags_p
  %dtype_wp = getelementptr i64, ptr %wanted, i64 1
  %dtype_w = load i64, ptr %dtype_wp
  %axes_wp = getelementptr i64, ptr %wanted, i64 2
  %axes_w = load i64, ptr %axes_wp
  %lengths_wp = getelementptr i64, ptr %wanted, i64 3
  %lengths_w = load ptr, ptr %lengths_wp
  %kept = and i32 %flags, {_CONTIGUOUS_AND_ALIGNED}
  %flags_ok = icmp eq i32 %kept, {_CONTIGUOUS_AND_ALIGNED}
  %dtype_ok = icmp eq i64 %dtype, %dtype_w
  %axes_ok = icmp eq i64 %axes, %axes_w
  %ok_1 = and i1 %flags_ok, %dtype_ok
  %ok_2 = and i1 %ok_1, %axes_ok
  br i1 %ok_2, label %axis, label %stop
axis:
  %k = phi i64 [0, %plain], [%k_next, %same]
  %more = icmp slt i64 %k, %axes
  br i1 %more, label %compare, label %take
compare:
  %length_p = getelementptr i64, ptr %lengths, i64 %k
  %length = load i64, ptr %length_p
  %length_wp = getelementptr i64, ptr %lengths_w, i64 %k
  %length_w = load i64, ptr %length_wp
  %length_ok = icmp eq i64 %length, %length_w
  br i1 %length_ok, label %same, label %stop
same:
  %k_next = add i64 %k, 1
  br label %axis
take:
  %place = mul i64 %i, %columns
  %address_p = getelementptr i64, ptr %addresses, i64 %place
  store i64 %data, ptr %address_p
  %next = add i64 %i, 1
  %go = icmp slt i64 %next, %count
  br i1 %go, label %array, label %done
stop:
  ret i64 %i
done:
  ret i64 %count
}}
"""


@functools.cache
def _compiled() -> Any:
    """The function, or None where array objects turn out to be laid out in another way."""
    function = _FUNCTION(*compile_ir(_source(), "gather"))
    probe = np.arange(6, dtype=np.float32).reshape(2, 3)
    lengths, found = np.array(probe.shape, np.int64), np.zeros(1, np.uint64)
    expected = np.array([[id(np.ndarray), id(probe.dtype), 2, address(lengths)]], np.uint64)
    objects = np.empty(1, object)
    objects[0] = probe
    taken = function(address(objects), address(expected), address(found), 1, 1)
    return function if taken == 1 and found[0] == address(probe) else None


class Gather:
    """Takes over the addresses of the gradients of a plan.

    Args:
        members: the parameters.
        column: the column of gradients in the table of addresses.
        addresses: the table.
    """

    def __init__(self, members: Sequence[Member], column: int, addresses: Any) -> None:
        self.addresses, self.columns = addresses, addresses.shape[1]
        self.target = address(addresses) + 8 * column
        # Only where the weight itself lies in C order does a gradient in C order have its elements in the same order.
        self.plain = all(member.computed.flags.c_contiguous for member in members)
        self.dtypes = [member.grad.dtype for member in members]
        self.lengths = [np.array(member.grad.shape, np.int64) for member in members]
        rows = zip(self.dtypes, self.lengths, strict=True)
        self.expected = np.array(
            [[id(np.ndarray), id(dtype), len(lengths), address(lengths)] for dtype, lengths in rows], np.uint64
        )

    @functools.cached_property
    def function(self) -> Any:
        """What is compiled when gradients change place for the first time, as they do not in every program."""
        return _compiled() if self.plain else None

    def __call__(self, grads: Sequence[Host]) -> Sequence[int]:
        """Take the addresses of all plain gradients up to the first that is not; the positions that are left."""
        if not self.function:
            return range(len(grads))
        objects = np.fromiter(grads, object, len(grads))
        taken = self.function(address(objects), address(self.expected), self.target, len(grads), self.columns)
        return range(taken, len(grads))
