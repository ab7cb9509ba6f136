"""What the driver and its callers agree on: the positions of words in their tables, and what ``look`` returns."""

from __future__ import annotations

DONE, MOVED = -1, -2
"""What ``look`` returns if every array is as expected; ``MOVED`` if written arrays are at addresses that have not been
checked for overlap. Otherwise, it returns the number of an array that is not as expected."""
RECORD = 8
"""Words of a record."""
GROUP = 4
"""Words of a group."""
WRITTEN = 1 << 32
"""Added to the number of axes in the record of a written array."""
LIST_COUNT = 3
"""How many lists of arrays a job has: weights, gradients, and the arrays of states."""


class ArrayField:
    """Positions of words in an array object; the number of axes and the flags take the first half of theirs."""

    TYPE = object.__basicsize__ // 8 - 1
    DATA, AXES, LENGTHS, STRIDES, BASE, DTYPE, FLAGS = range(TYPE + 1, TYPE + 8)


class RecordField:
    """Positions of words in a record, which describes how an array must look.

    Lengths and strides are lists elsewhere; a missing list of strides (0) means C order. A mask tells which flags
    matter. The last word points to where the address of the array is stored.
    """

    TYPE, DTYPE, AXES, LENGTHS, STRIDES, MASK, FLAGS, PLACE = range(RECORD)


class JobField:
    """Positions of words in a job."""

    LISTS, LENGTHS, RECORDS = 0, LIST_COUNT, 2 * LIST_COUNT
    GROUPS, GROUP, CELLS, CELL, HIGHEST, CHUNKS, GRAIN, POOL, MOVED, UNUSED = range(3 * LIST_COUNT, 3 * LIST_COUNT + 10)
    WORDS = 3 * LIST_COUNT + 10


class GroupField:
    """Positions of words in a group: its kernels for all and for some chunks, their tables, the number of chunks."""

    RUN_ALL, RUN_SOME, TABLES, CHUNKS = range(GROUP)


class PoolField:
    """Positions of words in a pool; words that several threads write to have cache lines of their own."""

    BUSY, OPEN, ACTIVE, NEXT, DONE, JOB, YIELD, TEAM, MOST, WHICH, COUNT, THREADS = 0, 8, 16, 24, 32, *range(40, 47)
    WORDS = 48


def names() -> dict[str, int]:
    """Return all of these by their names in ``driver.ll``, such as ``JOB_CHUNKS``."""
    found = {"DONE": DONE, "MOVED": MOVED, "WRITTEN": WRITTEN}
    found |= {"RECORD": RECORD, "GROUP": GROUP, "LIST_COUNT": LIST_COUNT}
    for table in (ArrayField, RecordField, JobField, GroupField, PoolField):
        kind = table.__name__.removesuffix("Field").upper()
        found |= {f"{kind}_{name}": place for name, place in vars(table).items() if name.isupper()}
    return found
