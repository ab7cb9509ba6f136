"""What the state of a rule holds, and where a step finds it: in a list, or by index in the dict of an updater."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

from mxcore.backend import Array
from mxcore.kernel.rule.program import INNER
from mxcore.watched import Version

Arrays: TypeAlias = list[Array]
States: TypeAlias = Sequence[Any] | Mapping[Any, Any]
_missing = object()


def split_master(state: Any, has_master: bool) -> tuple[Array | None, Any]:
    """The master of a weight, or None, and the state without it."""
    return state if has_master else (None, state)


def arrays_of(state: Any, depth: int = 0) -> tuple[Array, ...]:
    """The arrays of a state without a master: None, one array, or a tuple in the order of the slots.

    Args:
        state: the state of one parameter.
        depth: how many wrappers there are. The state of one is ``(its own, that of what it wraps)``.
    """
    if depth:
        own, inner = state
        return (*arrays_of(own), *arrays_of(inner, depth - 1))
    return () if state is None else state if type(state) is tuple else (state,)


def packed(arrays: Sequence[Array]) -> Any:
    """A state from its arrays, the inverse of :func:`arrays_of`."""
    return tuple(arrays) if len(arrays) > 1 else arrays[0] if arrays else None


def packed_by_slot(slots: Mapping[str, Array], depth: int) -> Any:
    """A state without a master from its arrays by slot, under as many wrappers."""
    own = packed([array for name, array in slots.items() if not (depth and name.startswith(INNER))])
    if not depth:
        return own
    inner = {name.removeprefix(INNER): array for name, array in slots.items() if name.startswith(INNER)}
    return own, packed_by_slot(inner, depth - 1)


def by_slot(state: Any, names: Sequence[str], depth: int) -> dict[str, Array] | None:
    """The arrays of a state, keyed by slot name, with that of its ``master`` first; None if they are other ones.

    Args:
        state: the state of one parameter.
        names: the slots that are arrays.
        depth: how many wrappers there are.
    """
    for has_master in (False, True):
        try:
            master, inner = split_master(state, has_master)
            arrays = arrays_of(inner, depth)
        except (TypeError, ValueError):
            continue
        if len(arrays) == len(names) and not any(isinstance(array, tuple) for array in arrays):
            return {**({"master": master} if has_master else {}), **dict(zip(names, arrays, strict=True))}
    return None


class StateReader:
    """Reads the states of some parameters, and remembers whether they can have changed since.

    Args:
        indices: the parameters.
        has_master: whether the state of each begins with a master.
        states: their states as they are now.
        depth: how many wrappers there are.
    """

    __slots__ = ("_arrays_of", "_seen", "_single", "has_master", "indices", "lengths", "version")

    def __init__(self, indices: Sequence[Any], has_master: Sequence[bool], states: States, depth: int) -> None:
        self.indices, self.has_master = indices, has_master
        self._arrays_of = functools.partial(arrays_of, depth=depth) if depth else arrays_of
        self._single = len(indices) == 1 and not has_master[0] and not depth
        self.version: Version | None = None  # of where the states were found, and after how many changes
        self._seen = -1
        self.lengths = list(map(len, self.read(states)))

    def read(self, states: States) -> list[Sequence[Array]]:
        """The master and the slots of each parameter.

        Raises:
            KeyError: a parameter has no state.
        """
        if isinstance(states, dict):
            states = [states[index] for index in self.indices]
        if not any(self.has_master):
            return list(map(self._arrays_of, states))
        pairs = map(split_master, states, self.has_master)
        found = self._arrays_of
        return [found(inner) if master is None else (master, *found(inner)) for master, inner in pairs]

    def by_parameter(self, states: States) -> list[Sequence[Array]] | None:
        """The same; None where a parameter has no state, or one of another number of arrays."""
        try:
            found = self.read(states)
        except KeyError:
            return None
        return found if list(map(len, found)) == self.lengths else None

    def in_one_list(self, states: States) -> list[Array] | None:
        """The same for all parameters in one list."""
        if self._single:  # of a short step, the general way would be a good part
            state = states.get(self.indices[0], _missing) if isinstance(states, dict) else states[0]
            if state is _missing:
                return None
            arrays = list(state if type(state) is tuple else arrays_of(state))
            return arrays if len(arrays) == self.lengths[0] else None
        found = self.by_parameter(states)
        return None if found is None else list(itertools.chain.from_iterable(found))

    def are_known(self, states: States) -> bool:
        """Whether these are the states that were remembered, and none has been assigned since."""
        version = self.version
        if version is None:
            return False
        if version.number == self._seen and getattr(states, "version", None) is version:
            return True
        self.version = None
        return False

    def remember(self, states: States) -> None:
        """Take note that these states have been looked at; of a list, which notes no changes, there is nothing to."""
        if type(states) is not list:
            version = getattr(states, "version", None)
            self._seen = -1 if version is None else version.number
            self.version = version
