"""The native side of a step as text in LLVM's language: what looks at arrays, runs kernels, shares them and counts.

See :mod:`mxcore.native.driver` for what it does.
"""

from __future__ import annotations

import ctypes

from mxcore.native.words import DONE, LIST_COUNT, MOVED, RECORD, WRITTEN, JobField, PoolField

__all__ = ["SOURCE"]

_HEAD = object.__basicsize__
_LINE, _AHEAD, _FEW = 64, 12, 5
"""Bytes of a line of the cache, how many lines are asked for ahead, and from how many arrays on none is."""


def _word(name: str, table: str, place: int | str, kind: str = "i64") -> str:
    return f"  %{name}_p = getelementptr i64, ptr %{table}, i64 {place}\n  %{name} = load {kind}, ptr %{name}_p\n"


# What ``look`` reads of an array object, and of the record that says what it should be.
_HEADS = "".join(
    f"  %{name}_p = getelementptr i8, ptr %object, i64 {_HEAD + offset}\n  %{name} = load {kind}, ptr %{name}_p\n"
    for name, offset, kind in (
        ("data", 0, "i64"), ("axes", 8, "i32"), ("lengths", 16, "ptr"), ("strides", 24, "ptr"),
        ("dtype", 40, "i64"), ("flags", 48, "i32"),
    )
)  # fmt: skip
_WANTED = "".join(
    _word(f"{name}_w", "record", number, "ptr" if name in ("lengths", "strides", "place") else "i64")
    for number, name in enumerate(("type", "dtype", "axes", "lengths", "strides", "mask", "flags", "place"))
)
_ITEM = ctypes.cast(ctypes.pythonapi.PyList_GetItem, ctypes.c_void_p).value

# The loop over one list, which stops at the first array that is not as expected. If there are few, it asks for the
# first lines of each: the processor foresees only what follows on what was read, and parameters that are updated one by
# one are seldom in its cache. Of many, the first would be gone again by then. Lines
# behind the end of a short array may be asked for as well: nothing is read, and no address is wrong.
_LOOK_AT = f"""
declare void @llvm.prefetch.p0(ptr, i32, i32, i32)
define internal i64 @look_at(ptr %list, i64 %count, ptr %records, ptr %moved) {{
entry:
  %any = icmp sgt i64 %count, 0
  %few = icmp slt i64 %count, {_FEW}
  br i1 %any, label %array, label %all
array:
  %i = phi i64 [0, %entry], [%next, %following]
  %object = call ptr inttoptr (i64 {_ITEM} to ptr)(ptr %list, i64 %i)
  %begin = mul i64 %i, {RECORD}
  %record = getelementptr i64, ptr %records, i64 %begin
{_WANTED}  %type_p = getelementptr i8, ptr %object, i64 {_HEAD - 8}
  %type = load i64, ptr %type_p
  %type_ok = icmp eq i64 %type, %type_w
  br i1 %type_ok, label %head, label %stop
head:
{_HEADS}  %axes_64 = sext i32 %axes to i64
  %axes_n = and i64 %axes_w, {WRITTEN - 1}
  %flags_64 = zext i32 %flags to i64
  %flags_m = and i64 %flags_64, %mask_w
  %axes_ok = icmp eq i64 %axes_64, %axes_n
  %dtype_ok = icmp eq i64 %dtype, %dtype_w
  %flags_ok = icmp eq i64 %flags_m, %flags_w
  %ok_1 = and i1 %axes_ok, %dtype_ok
  %ok = and i1 %ok_1, %flags_ok
  %strided = icmp ne ptr %strides_w, null
  br i1 %ok, label %axis, label %stop
axis:
  %k = phi i64 [0, %head], [%k_next, %same]
  %more = icmp slt i64 %k, %axes_64
  br i1 %more, label %length, label %as_expected
length:
  %length_p = getelementptr i64, ptr %lengths, i64 %k
  %length_n = load i64, ptr %length_p
  %length_wp = getelementptr i64, ptr %lengths_w, i64 %k
  %length_wn = load i64, ptr %length_wp
  %length_ok = icmp eq i64 %length_n, %length_wn
  br i1 %length_ok, label %stride, label %stop
stride:
  br i1 %strided, label %compare, label %same
compare:
  %stride_p = getelementptr i64, ptr %strides, i64 %k
  %stride_n = load i64, ptr %stride_p
  %stride_wp = getelementptr i64, ptr %strides_w, i64 %k
  %stride_wn = load i64, ptr %stride_wp
  %stride_ok = icmp eq i64 %stride_n, %stride_wn
  br i1 %stride_ok, label %same, label %stop
same:
  %k_next = add i64 %k, 1
  br label %axis
as_expected:
  %former = load i64, ptr %place_w
  %elsewhere = icmp ne i64 %former, %data
  %written_64 = and i64 %axes_w, {WRITTEN}
  %written = icmp ne i64 %written_64, 0
  %matters = and i1 %elsewhere, %written
  br i1 %matters, label %note, label %keep
note:
  store i64 1, ptr %moved
  br label %keep
keep:
  store i64 %data, ptr %place_w
  %begun = inttoptr i64 %data to ptr
  br i1 %few, label %ahead, label %following
ahead:
  %line = phi i64 [0, %keep], [%line_next, %ahead]
  %line_at = mul i64 %line, {_LINE}
  %line_p = getelementptr i8, ptr %begun, i64 %line_at
  call void @llvm.prefetch.p0(ptr %line_p, i32 0, i32 3, i32 1)
  %line_next = add i64 %line, 1
  %lines_left = icmp slt i64 %line_next, {_AHEAD}
  br i1 %lines_left, label %ahead, label %following
following:
  %next = add i64 %i, 1
  %go_on = icmp slt i64 %next, %count
  br i1 %go_on, label %array, label %all
stop:
  ret i64 %i
all:
  ret i64 {DONE}
}}
"""

# ``look``, over up to three lists, and ``drive``.
_LISTED = "".join(
    f"""list{number}:
{_word(f"list{number}_o", "job", JobField.LISTS + number, "ptr")}{
        _word(f"count{number}", "job", JobField.LENGTHS + number)
    }{_word(f"records{number}", "job", JobField.RECORDS + number, "ptr")}  %given{number} = icmp ne ptr %list{
        number
    }_o, null
  br i1 %given{number}, label %given_{number}, label %list{number + 1}
given_{number}:
  %found{number} = call i64 @look_at(ptr %list{number}_o, i64 %count{number}, ptr %records{number}, ptr %moved)
  %right{number} = icmp eq i64 %found{number}, {DONE}
  br i1 %right{number}, label %list{number + 1}, label %wrong{number}
wrong{number}:
  ret i64 %found{number}
"""
    for number in range(LIST_COUNT)
)
_LOOK = f"""
define i64 @look(ptr %job) {{
entry:
  %moved = getelementptr i64, ptr %job, i64 {JobField.MOVED}
  br label %list0
{_LISTED}list{LIST_COUNT}:
  %m = load i64, ptr %moved
  %still = icmp eq i64 %m, 0
  %result = select i1 %still, i64 {DONE}, i64 {MOVED}
  ret i64 %result
}}
define i64 @drive(ptr %job) {{
  %found = call i64 @look(ptr %job)
  %right = icmp eq i64 %found, {DONE}
  br i1 %right, label %run, label %out
run:
  call void @go(ptr %job)
  br label %out
out:
  ret i64 %found
}}
"""


# A group has four words: its kernel for all chunks, its kernel for some, the tables of both, and how many chunks.
_RUN = f"""
define void @go(ptr %job) {{
entry:
{_word("groups", "job", JobField.GROUPS)}{_word("group", "job", JobField.GROUP, "ptr")}  br label %next
next:
  %g = phi i64 [0, %entry], [%g_next, %one]
  %more = icmp slt i64 %g, %groups
  br i1 %more, label %one, label %done
one:
  %begin = mul i64 %g, 4
  %this = getelementptr i64, ptr %group, i64 %begin
{_word("run_all", "this", 0, "ptr")}{_word("tables", "this", 2, "ptr")}  call void %run_all(ptr %tables)
  %g_next = add i64 %g, 1
  br label %next
done:
  call void @count(ptr %job)
  ret void
}}
define internal void @count(ptr %job) {{
entry:
{_word("cells", "job", JobField.CELLS)}{_word("cell", "job", JobField.CELL, "ptr")}{
    _word("highest", "job", JobField.HIGHEST, "ptr")
}  br label %next
next:
  %c = phi i64 [0, %entry], [%c_next, %one]
  %more = icmp slt i64 %c, %cells
  br i1 %more, label %one, label %done
one:
{_word("this", "cell", "%c", "ptr")}  %count = load i64, ptr %this
  %raised = add i64 %count, 1
  store i64 %raised, ptr %this
  %before = load i64, ptr %highest
  %higher = icmp sgt i64 %raised, %before
  %most = select i1 %higher, i64 %raised, i64 %before
  store i64 %most, ptr %highest
  %c_next = add i64 %c, 1
  br label %next
done:
  ret void
}}
"""


def _shared(name: str, place: int) -> str:
    return f"  %{name} = getelementptr i64, ptr %pool, i64 {place}\n"


def _wait(name: str, place: str, wanted: str, after: str) -> str:
    """Wait until a word has a value: the others have at most one chunk each to finish."""
    return f"""  br label %{name}
{name}:
  %{name}_now = load atomic i64, ptr %{place} seq_cst, align 8
  %{name}_ok = icmp eq i64 %{name}_now, {wanted}
  br i1 %{name}_ok, label %{after}, label %{name}_more
{name}_more:
  call i32 %yield()
  br label %{name}
"""


# Threads that share a job claim chunks from one counter until none are left. One that comes late finds the pool closed,
# or no chunk to claim. The one that opened it leaves when every chunk is done and no other thread is inside.
_SHARE = f"""
define internal void @work(ptr %pool) {{
entry:
{_shared("next_p", PoolField.NEXT)}{_shared("done_p", PoolField.DONE)}{_word("job", "pool", PoolField.JOB, "ptr")}{
    _word("total", "job", JobField.CHUNKS)
}{_word("grain", "job", JobField.GRAIN)}{_word("groups", "job", JobField.GROUPS)}{
    _word("group", "job", JobField.GROUP, "ptr")
}  br label %claim
claim:
  %first = atomicrmw add ptr %next_p, i64 %grain seq_cst
  %some = icmp slt i64 %first, %total
  br i1 %some, label %claimed, label %out
claimed:
  %end = add i64 %first, %grain
  %short = icmp slt i64 %end, %total
  %last = select i1 %short, i64 %end, i64 %total
  br label %next
next:
  %g = phi i64 [0, %claimed], [%g_next, %after]
  %base = phi i64 [0, %claimed], [%top, %after]
  %more = icmp slt i64 %g, %groups
  br i1 %more, label %one, label %finished
one:
  %begin = mul i64 %g, 4
  %this = getelementptr i64, ptr %group, i64 %begin
{_word("run_some", "this", 1, "ptr")}{_word("tables", "this", 2, "ptr")}{
    _word("chunks", "this", 3)
}  %top = add i64 %base, %chunks
  %lower = icmp sgt i64 %first, %base
  %low = select i1 %lower, i64 %first, i64 %base
  %upper = icmp slt i64 %last, %top
  %high = select i1 %upper, i64 %last, i64 %top
  %mine = icmp slt i64 %low, %high
  br i1 %mine, label %run, label %after
run:
  %from = sub i64 %low, %base
  %to = sub i64 %high, %base
  call void %run_some(ptr %tables, i64 %from, i64 %to)
  br label %after
after:
  %g_next = add i64 %g, 1
  br label %next
finished:
  %claimed_n = sub i64 %last, %first
  %done = atomicrmw add ptr %done_p, i64 %claimed_n seq_cst
  br label %claim
out:
  ret void
}}
define void @help(ptr %pool) {{
entry:
{_shared("open_p", PoolField.OPEN)}{_shared("active_p", PoolField.ACTIVE)}{
    _word("yield", "pool", PoolField.YIELD, "ptr")
}  br label %wait
wait:
  %n = phi i64 [0, %entry], [%n_next, %again]
  %open = load atomic i64, ptr %open_p seq_cst, align 8
  %opened = icmp ne i64 %open, 0
  br i1 %opened, label %enter, label %tired
tired:
  %enough = icmp sgt i64 %n, 100
  br i1 %enough, label %out, label %again
again:
  call i32 %yield()
  %n_next = add i64 %n, 1
  br label %wait
enter:
  %before = atomicrmw add ptr %active_p, i64 1 seq_cst
  %still = load atomic i64, ptr %open_p seq_cst, align 8
  %in = icmp ne i64 %still, 0
  br i1 %in, label %work, label %leave
work:
  call void @work(ptr %pool)
  br label %leave
leave:
  %left = atomicrmw sub ptr %active_p, i64 1 seq_cst
  br label %out
out:
  ret void
}}
define void @share(ptr %job) {{
entry:
{_word("pool", "job", JobField.POOL, "ptr")}{_shared("busy_p", PoolField.BUSY)}{_shared("open_p", PoolField.OPEN)}{
    _shared("active_p", PoolField.ACTIVE)
}{_shared("next_p", PoolField.NEXT)}{_shared("done_p", PoolField.DONE)}{_shared("job_p", PoolField.JOB)}{
    _word("yield", "pool", PoolField.YIELD, "ptr")
}{_word("total", "job", JobField.CHUNKS)}  %taken = cmpxchg ptr %busy_p, i64 0, i64 1 seq_cst seq_cst
  %free = extractvalue {{ i64, i1 }} %taken, 1
  br i1 %free, label %lead, label %alone
alone:
  call void @go(ptr %job)
  ret void
lead:
  store ptr %job, ptr %job_p
  store atomic i64 0, ptr %next_p seq_cst, align 8
  store atomic i64 0, ptr %done_p seq_cst, align 8
  store atomic i64 1, ptr %open_p seq_cst, align 8
  call void @work(ptr %pool)
{_wait("finish", "done_p", "%total", "close")}close:
  store atomic i64 0, ptr %open_p seq_cst, align 8
{_wait("empty", "active_p", "0", "counted")}counted:
  call void @count(ptr %job)
  store atomic i64 0, ptr %busy_p seq_cst, align 8
  ret void
}}
"""

SOURCE = _LOOK_AT + _LOOK + _RUN + _SHARE
"""All functions of the driver."""
