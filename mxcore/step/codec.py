"""What the state of a rule holds: the arrays of its slots, in order, and the master of a half-precision weight."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mxcore.backend import Array


def split_master(state: Any, has_master: bool) -> tuple[Array | None, Any]:
    """The master of a weight, or None, and the state without it."""
    return state if has_master else (None, state)


def arrays_of(state: Any) -> tuple[Array, ...]:
    """The arrays of a state without a master: None, one array, or a tuple in the order of the slots."""
    return () if state is None else state if type(state) is tuple else (state,)


def packed(arrays: Sequence[Array]) -> Any:
    """A state from its arrays, the inverse of :func:`arrays_of`."""
    return tuple(arrays) if len(arrays) > 1 else arrays[0] if arrays else None


def by_slot(state: Any, names: Sequence[str]) -> dict[str, Array] | None:
    """The arrays of a state, keyed by slot name, with that of its ``master`` first; None if they are other ones.

    Args:
        state: the state of one parameter.
        names: the slots that are arrays.
    """
    has_master = isinstance(state, tuple) and len(state) == 2 and (len(names) < 2 or isinstance(state[1], tuple))
    master, inner = split_master(state, has_master)
    arrays = arrays_of(inner)
    if len(arrays) != len(names):
        return None
    return {**({"master": master} if has_master else {}), **dict(zip(names, arrays, strict=True))}
