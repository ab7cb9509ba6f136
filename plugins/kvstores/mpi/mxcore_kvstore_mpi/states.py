"""States of all ranks as one whole, for files that any number of ranks can load."""

from __future__ import annotations

import copy
import functools
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

import mxcore as mx
from mxcore.backend import Array, Host
from mxcore.kvstore import Key
from mxcore_kvstore_mpi.exchange import Piece

__all__ = ["assembled", "excerpt", "header", "own_states", "restore"]

Kept = dict[str, Any]
"""What an updater keeps for its parameters."""


def own_states(updater: Any, keys: Sequence[Key]) -> Kept:
    """Return what an updater keeps for some parameters, by kind and key."""
    tally, gathering = updater.tally, updater.gate.accumulation
    opened = {*gathering.open}
    return {
        "states": {key: updater.states[key] for key in keys if key in updater.states},
        "counts": {key: tally.table[key] for key in keys if key in tally.table},
        "numbers": {key: tally.host_numbers[key] for key in keys if key in tally.host_numbers},
        "sums": {
            key: (gathering.calls(key), gathering.is_complete(key), gathering.sums[key])
            for key in keys
            if key in opened
        },
        "model": dict(tally.model_numbers),
        "highest": int(tally.highest.value),
        "skipped": updater.gate.skipped,
    }


def assembled(updater: Any, every: Sequence[Kept], shapes: Mapping[Key, tuple[int, ...]], *, cut: bool) -> Any:
    """Return an updater with whole states, given what the ranks keep, from the first to the last."""
    whole = mx.optimizer.get_updater(copy.deepcopy(updater.optimizer))
    states: dict[Any, Any] = {}
    sums: dict[Any, Any] = {}
    for key, shape in shapes.items():
        shape_of = shape if cut else None
        if parts := [one["states"][key] for one in every if key in one["states"]]:
            states[key] = _joined(parts, shape_of)
        if parts := [one["sums"][key] for one in every if key in one["sums"]]:
            sums[key] = (*parts[0][:2], _joined([total for *_, total in parts], shape_of))
    whole.states = states
    tally = whole.tally
    for one in every:
        tally.table.update(one["counts"])
        tally.host_numbers.update(one["numbers"])
        tally.model_numbers |= one["model"]
    tally.highest.value = max(one["highest"] for one in every)
    whole.gate.accumulation.restore(sums)
    whole.gate.skipped = max(one["skipped"] for one in every)
    return whole


def _joined(parts: Sequence[Any], shape: tuple[int, ...] | None) -> Any:
    """Return the state of a parameter, given those of its pieces; a shape of None is that of the only one."""
    if shape is None:
        return parts[0]
    leaves: list[list[Array]] = [[] for _ in parts]
    for part, own in zip(parts, leaves, strict=True):
        mx.state.map_arrays(part, own.append)
    together = zip(*leaves, strict=True)
    return mx.state.map_arrays(parts[0], lambda _: np.concatenate(next(together)).reshape(shape))


def excerpt(whole: Kept, pieces: Sequence[Piece], *, cut: bool) -> Kept:
    """Return what a rank keeps of whole states."""

    def part(piece: Piece, array: Array) -> Host:
        return np.array(array.reshape(-1)[piece.begin : piece.end] if cut else array)

    found: Kept = {**whole, "states": {}, "sums": {}}
    for piece in pieces:
        if piece.key in whole["states"]:
            of_piece = functools.partial(part, piece)
            found["states"][piece.key] = mx.state.map_arrays(whole["states"][piece.key], of_piece)
        if piece.key in whole["sums"]:
            calls, complete, total = whole["sums"][piece.key]
            found["sums"][piece.key] = calls, complete, part(piece, total)
    keys = {piece.key for piece in pieces}
    for kind in ("counts", "numbers"):
        found[kind] = {key: value for key, value in whole[kind].items() if key in keys}
    return found


def header(whole: Any) -> bytes:
    """Return the settings of an updater as the bytes of a file without states, which it loses."""
    whole.states = {}
    whole.tally.table.clear()
    whole.tally.host_numbers.clear()
    whole.gate.accumulation.restore({})
    return bytes(whole.get_states())


def restore(updater: Any, settings: bytes, kept: Kept, *, quiet: bool) -> None:
    """Let an updater go on with settings and states."""
    stream = mx.random.get_state()
    with warnings.catch_warnings():
        if quiet:
            warnings.simplefilter("ignore")
        updater.set_states(settings)
    mx.random.set_state(stream)
    tally = updater.tally
    updater.states = dict(kept["states"])
    tally.table.update(kept["counts"])
    tally.host_numbers.update(kept["numbers"])
    tally.model_numbers |= kept["model"]
    tally.highest.value = kept["highest"]
    updater.gate.accumulation.restore(kept["sums"])
    updater.gate.skipped = kept["skipped"]
