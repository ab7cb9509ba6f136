"""What the driver and its callers agree on: where the words of their tables are, and what a look returns."""

from __future__ import annotations

DONE, MOVED = -1, -2
"""What ``look`` returns if every array is as expected; ``MOVED`` as long as some that are written are in places where
nobody has checked that they are apart. Otherwise, it returns the number of an array that is not as expected."""
RECORD = 8
"""Words of a record."""
GROUP = 4
"""Words of a group."""
WRITTEN = 1 << 32
"""Added to the number of axes in the record of an array that is written."""
LIST_COUNT = 3
"""How many lists of arrays a job has: weights, gradients, and what states hold."""


class ArrayField:
    """Where the words of an array object are; the number of axes and the flags take the first half of theirs."""

    TYPE = object.__basicsize__ // 8 - 1
    DATA, AXES, LENGTHS, STRIDES, BASE, DTYPE, FLAGS = range(TYPE + 1, TYPE + 8)


class RecordField:
    """Where the words of a record are, which says what an array has to be like.

    Lengths and strides are listed elsewhere; no list of strides (0) stands for C order. Which flags matter is in a
    mask. The last word is where the address of the array is kept.
    """

    TYPE, DTYPE, AXES, LENGTHS, STRIDES, MASK, FLAGS, PLACE = range(RECORD)


class JobField:
    """Where the words of a job are."""

    LISTS, LENGTHS, RECORDS = 0, LIST_COUNT, 2 * LIST_COUNT
    GROUPS, GROUP, CELLS, CELL, HIGHEST, CHUNKS, GRAIN, POOL, MOVED, UNUSED = range(3 * LIST_COUNT, 3 * LIST_COUNT + 10)
    WORDS = 3 * LIST_COUNT + 10


class GroupField:
    """Where the words of a group are: its kernel for all chunks, that for some, the tables of both, how many chunks."""

    RUN_ALL, RUN_SOME, TABLES, CHUNKS = range(GROUP)


class PoolField:
    """Where the words of a pool are; those that several threads write to are on cache lines of their own."""

    BUSY, OPEN, ACTIVE, NEXT, DONE, JOB, YIELD = 0, 8, 16, 24, 32, 40, 41
    WORDS = 48


def names() -> dict[str, int]:
    """All of these by the names that ``driver.ll`` has for them, such as ``JOB_CHUNKS``."""
    found = {"DONE": DONE, "MOVED": MOVED, "WRITTEN": WRITTEN}
    found |= {"RECORD": RECORD, "GROUP": GROUP, "LIST_COUNT": LIST_COUNT}
    for table in (ArrayField, RecordField, JobField, GroupField, PoolField):
        kind = table.__name__.removesuffix("Field").upper()
        found |= {f"{kind}_{name}": place for name, place in vars(table).items() if name.isupper()}
    return found
