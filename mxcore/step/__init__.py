"""One call of an optimizer: rows of numbers, counts, the rule's program, and the runner that keeps what can be kept.

A call is a :class:`~mxcore.step.step.Step`. Two questions decide whether an earlier one will do: whether its arrays
lie as they did (the kernel looks), and whether anything has been assigned (:class:`~mxcore.watched.Version`).
"""

from __future__ import annotations

from mxcore.step.counts import Counted, Counting, Counts, Tally, adopted, count_in, viewed
from mxcore.step.program import Traits, levels, traits_of
from mxcore.step.runner import Runner

__all__ = [
    "Counted", "Counting", "Counts", "Runner", "Tally", "Traits", "adopted", "count_in", "levels", "traits_of",
    "viewed",
]  # fmt: skip
