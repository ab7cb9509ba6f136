"""The structure of a rule's state, and where a step finds it: in a list, or in the dict of an updater."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

from mxcore.backend import Array, backend_of
from mxcore.kernel.rule.slot import INNER
from mxcore.watched import Version

Arrays: TypeAlias = list[Array]
States: TypeAlias = Sequence[Any] | Mapping[Any, Any]
_missing = object()


def split_master(state: Any, has_master: bool) -> tuple[Array | None, Any]:
    """Return the master of a weight, or None, and the state without it."""
    return state if has_master else (None, state)


def arrays_of(state: Any, depth: int = 0) -> tuple[Array, ...]:
    """Return the arrays of a state without a master, which is None, one array, or a tuple in the order of the slots.

    Args:
        state: the state of one parameter.
        depth: the number of wrappers. The state of each is ``(its own, that of the wrapped optimizer)``.
    """
    if depth:
        own, inner = state
        return (*arrays_of(own), *arrays_of(inner, depth - 1))
    return () if state is None else state if type(state) is tuple else (state,)


def initial(weight: Array, init: Any) -> Array:
    """Return a new array like a weight, with a number in each real or imaginary part; ``"weight"`` for a copy."""
    if init == "weight":
        return backend_of(weight).copy(weight)
    number = float(init)
    return backend_of(weight).full_like(weight, complex(number, number) if weight.dtype.kind == "c" else number)


def packed(arrays: Sequence[Array]) -> Any:
    """Return the state that consists of these arrays; the inverse of :func:`arrays_of`."""
    return tuple(arrays) if len(arrays) > 1 else arrays[0] if arrays else None


def packed_by_slot(slots: Mapping[str, Array], depth: int) -> Any:
    """Return a state without a master from its arrays by slot, inside ``depth`` wrappers."""
    own = packed([array for name, array in slots.items() if not (depth and name.startswith(INNER))])
    if not depth:
        return own
    inner = {name.removeprefix(INNER): array for name, array in slots.items() if name.startswith(INNER)}
    return own, packed_by_slot(inner, depth - 1)


def by_slot(state: Any, names: Sequence[str], depth: int) -> dict[str, Array] | None:
    """Return the arrays of a state, keyed by slot name, ``master`` first; None if the state has other arrays.

    Args:
        state: the state of one parameter.
        names: the slots that are arrays.
        depth: the number of wrappers.
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
    """Reads the states of some parameters, and knows whether they may have changed since.

    Args:
        indices: the parameters.
        has_master: for each, whether its state starts with a master.
        states: their current states.
        depth: the number of wrappers.
    """

    __slots__ = ("_arrays_of", "_seen", "_single", "has_master", "indices", "lengths", "version")

    def __init__(self, indices: Sequence[Any], has_master: Sequence[bool], states: States, depth: int) -> None:
        self.indices, self.has_master = indices, has_master
        self._arrays_of = functools.partial(arrays_of, depth=depth) if depth else arrays_of
        self._single = len(indices) == 1 and not has_master[0] and not depth
        self.version: Version | None = None  # that of the states' container, when it was last read
        self._seen = -1
        self.lengths = list(map(len, self.read(states)))

    def read(self, states: States) -> list[Sequence[Array]]:
        """Return the master and the slots of each parameter.

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
        """Return the same, or None if a parameter has no state, or one with another number of arrays."""
        try:
            found = self.read(states)
        except KeyError:
            return None
        return found if list(map(len, found)) == self.lengths else None

    def in_one_list(self, states: States) -> list[Array] | None:
        """Return the same for all parameters, in one list."""
        if self._single:  # the general code would slow down short steps
            state = states.get(self.indices[0], _missing) if isinstance(states, dict) else states[0]
            if state is _missing:
                return None
            arrays = list(state if type(state) is tuple else arrays_of(state))
            return arrays if len(arrays) == self.lengths[0] else None
        found = self.by_parameter(states)
        return None if found is None else list(itertools.chain.from_iterable(found))

    def are_known(self, states: States) -> bool:
        """Return whether these are the remembered states, and none has been assigned since."""
        version = self.version
        if version is None:
            return False
        if version.number == self._seen and getattr(states, "version", None) is version:
            return True
        self.version = None
        return False

    def remember(self, states: States) -> None:
        """Remember that these states have been read; a list, which does not track changes, is not remembered."""
        if type(states) is not list:
            version = getattr(states, "version", None)
            self._seen = -1 if version is None else version.number
            self.version = version
