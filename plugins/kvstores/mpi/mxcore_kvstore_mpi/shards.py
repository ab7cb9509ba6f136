"""ZeRO-1: each rank keeps the state of its shard of all parameters, and updates that shard."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any

import numpy as np
from mpi4py import MPI

import mxcore as mx
from mxcore.backend import Array, Host
from mxcore.gate import thawed
from mxcore.kernel import Contribution, Part
from mxcore.kernel.rule.reduction import total
from mxcore.kvstore import Key
from mxcore.step import traits_of
from mxcore.step.whole import nonfinite
from mxcore_kvstore_mpi.exchange import BLOCK, Exchange, Piece, aligned, bytes_of, divided
from mxcore_kvstore_mpi.team import Team

__all__ = ["Shards", "Step", "check_sharded"]

Pieces = list[list[Piece]]
"""For each rank its pieces."""


def can_cut(optimizer: Any, weights: Mapping[Key, Host]) -> bool:
    """Return whether parts of these parameters can be updated as if each were a parameter."""
    if any(weight.dtype.kind == "c" for weight in weights.values()):
        return False
    try:
        return all(_is_cut(optimizer, key, weight) for key, weight in weights.items())
    except mx.exchange.NotExpressibleError:
        return False


def _is_cut(optimizer: Any, key: Key, weight: Host) -> bool:
    read = mx.exchange.read(optimizer, key, weight)
    of_shape = any(one.op == "size" or one.value == "row" for one in read.graph.operations)
    special = of_shape or {"noise", "weight.size"} & {*read.graph.inputs}
    alike = read.graph == mx.exchange.read(optimizer, key, weight.reshape(-1)).graph
    return alike and not special and optimizer.optimizer_of(key, weight) is optimizer


def check_sharded(optimizer: Any) -> None:
    """Check that an optimizer computes the same if each rank has some of the parameters.

    Raises:
        ValueError: it doesn't.
    """
    if not traits_of(optimizer).runs_rule:
        name = type(optimizer).__name__
        if optimizer.clip_global_norm is not None:
            raise ValueError(f"{name} is array code, of which zero=1 cannot clip the global norm: use zero=0")
        if any(slot.of_model for slot in optimizer.state_slots()):
            raise ValueError(f"{name} is array code that looks at all parameters together: use zero=0")


class Shards:
    """The weights of all parameters and how they are divided among the ranks.

    Parameters that are initialized before the same push are divided together, and keep their ranks from then on.

    Args:
        team: the ranks.
    """

    def __init__(self, team: Team) -> None:
        self.team = team
        self.cut: bool | None = None
        """Whether parameters are cut; None before the first push."""
        self.pieces: dict[Key, dict[int, Piece]] = {}
        """The pieces of each parameter, by rank."""
        self._buffers: list[Host] = []
        self._places: dict[Key, tuple[int, int]] = {}  # the number of the buffer, and where a weight begins in it

    def add(self, optimizer: Any, weights: Mapping[Key, Host]) -> dict[Key, Host]:
        """Divide new parameters; return their weights, which are now in one buffer.

        Raises:
            ValueError: they cannot be cut, unlike the earlier ones.
        """
        check_sharded(optimizer)
        cut = can_cut(optimizer, weights) if self.cut is not False else False
        if self.cut and not cut:
            raise ValueError(f"keys {[*weights]} cannot be cut like the earlier ones: initialize all before a push")
        costs = [(key, weight.size, max(weight.itemsize, 4)) for key, weight in weights.items()]
        for rank, pieces in enumerate(divided(costs, self.team.size, whole=not cut)):
            for piece in pieces:
                self.pieces.setdefault(piece.key, {})[rank] = piece
        self.cut, begin, found = cut, 0, {}
        buffer = bytes_of(sum(aligned(weight.nbytes) for weight in weights.values()))
        for key, weight in weights.items():
            self._places[key] = len(self._buffers), begin
            found[key] = buffer[begin : begin + weight.nbytes].view(weight.dtype).reshape(weight.shape)
            found[key][...] = weight
            begin += aligned(weight.nbytes)
        self._buffers.append(buffer)
        return found

    def of(self, keys: Sequence[Key]) -> Pieces:
        """Return the pieces of each rank of some parameters, in their order."""
        ranks = range(self.team.size)
        return [[self.pieces[key][rank] for key in keys if rank in self.pieces[key]] for rank in ranks]

    def spans(self, pieces: Pieces, weights: Mapping[Key, Host]) -> list[tuple[Host, list[tuple[int, int]]]]:
        """Return buffers with spans of each rank that cover these pieces, in as few rounds as there can be."""
        runs: dict[int, list[list[tuple[int, int]]]] = {}
        for rank, some in enumerate(pieces):
            for key, first, last in sorted(some, key=lambda piece: self._places[piece.key]):
                number, place = self._places[key]
                of_rank = runs.setdefault(number, [[] for _ in pieces])[rank]
                begin, end = (place + one * weights[key].itemsize for one in (first, last))
                if of_rank and aligned(of_rank[-1][1]) == begin:
                    begin, _ = of_rank.pop()
                of_rank.append((begin, end))
        return [
            (self._buffers[number], [some[turn] if turn < len(some) else (0, 0) for some in by_rank])
            for number, by_rank in sorted(runs.items())
            for turn in range(max(map(len, by_rank)))
        ]


class Step:
    """An update of some parameters, each rank its own pieces.

    Args:
        shards: how the parameters are divided.
        keys: the parameters, in the order of the call.
        weights: their weights.
        dtypes: the dtypes of their gradients.
        order: how gradients are added; see :class:`mxcore_kvstore_mpi.MPIKVStore`.
    """

    def __init__(
        self,
        shards: Shards,
        keys: Sequence[Key],
        weights: Mapping[Key, Host],
        dtypes: Mapping[Key, np.dtype[Any]],
        order: str,
    ) -> None:
        self._team, self._cut, self._keys = shards.team, shards.cut, list(keys)
        self._pieces = shards.of(keys)
        self._exchange = Exchange(self._team, self._pieces, dtypes, order)
        self._spans, self._library = shards.spans(self._pieces, weights), order == "any"
        self._sizes = {key: weights[key].size for key in keys}
        own = self._pieces[self._team.rank]
        self._shapes = [(-1,) if self._cut else weights[key].shape for key, *_ in own]
        self._own = [key for key, *_ in own]
        self._weights = [
            weights[key].reshape(-1)[begin:end].reshape(shape)
            for (key, begin, end), shape in zip(own, self._shapes, strict=True)
        ]

    def highest(self, updater: Any) -> int:
        """Return the highest update count that this rank will have seen after the update, for schedules.

        Where a call need not update, it is that before: then a parameter that is newer than others may be one late.
        """
        optimizer, tally = updater.optimizer, updater.tally
        highest = int(tally.highest.value)
        if optimizer.accumulate > 1 or self._may_skip(optimizer):
            return highest
        counts = [tally.table.get(key, optimizer.begin_num_update) + 1 for key in thawed(optimizer, [*self._own])[0]]
        return int(max([highest, *counts]))

    def update(self, updater: Any, grads: Mapping[Key, Array]) -> None:
        """Add up the gradients, update this rank's pieces, and fetch the others.

        Raises:
            FloatingPointError: a gradient is not finite, and the optimizer has ``on_nonfinite="raise"``.
        """
        optimizer = updater.optimizer
        with self._team.guarded():
            found = self._exchange.sum(grads)
            sums = [grad.reshape(shape) for grad, shape in zip(found, self._shapes, strict=True)]
            active = [self._thawed(optimizer, some) for some in self._pieces]
            group = self._team.among(tuple(rank for rank, some in enumerate(active) if some))
            worst = self._nonfinite(optimizer, sums)
        if worst is not None and optimizer.on_nonfinite == "raise":
            raise FloatingPointError(
                f"the gradient of {optimizer.describe(worst)} has elements that are infinite or NaN: nothing was "
                'updated. Set on_nonfinite="skip" to skip such updates'
            )
        with self._team.guarded():
            if worst is not None:  # every rank skips it, whatever its own gradients are
                sums = [np.full_like(grad, np.nan) for grad in sums]
            if self._own:
                with self._combined(group, active):
                    updater(self._own, sums, self._weights)
            for buffer, spans in self._spans:
                self._team.share(buffer, spans, library=self._library)

    def _thawed(self, optimizer: Any, pieces: list[Piece]) -> list[Piece]:
        if not optimizer.groups.freeze:
            return pieces
        return [pieces[place] for place in thawed(optimizer, [one.key for one in pieces], list(range(len(pieces))))[1]]

    def _nonfinite(self, optimizer: Any, sums: list[Host]) -> Key | None:
        """Return the first key with a gradient that is not finite, if the optimizer wants to know."""
        if not self._may_skip(optimizer):
            return None
        keys, grads = thawed(optimizer, [*self._own], sums)
        place = nonfinite(grads)
        last = len(self._keys)
        first = self._team.comm.allreduce(last if place is None else self._keys.index(keys[place]), MPI.MIN)
        return None if first == last else self._keys[first]

    @staticmethod
    def _may_skip(optimizer: Any) -> bool:
        return optimizer.on_nonfinite != "ignore" or isinstance(optimizer.loss_scale, mx.DynamicLossScale)

    def _combined(self, group: Any, active: Pieces) -> AbstractContextManager[None]:
        some = [pieces for pieces in active if pieces]
        if self._cut:
            return mx.kernel.dividing(_Divided(group, self._keys, some, self._sizes))
        return mx.kernel.folding(_Folded(group, self._keys, some))


class _Divided:
    """Combines what the pieces of all ranks contribute to reductions: blocks, then parameters, in their order.

    Args:
        group: the ranks that have pieces.
        keys: the parameters, in the order of the call.
        pieces: for each of these ranks its pieces.
        sizes: the number of elements of each parameter.
    """

    def __init__(self, group: Any, keys: Sequence[Key], pieces: Pieces, sizes: Mapping[Key, int]) -> None:
        self._group, self._pieces, self._sizes = group, pieces, sizes
        known = {key for some in pieces for key, *_ in some}
        self._keys = [key for key in keys if key in known]

    def __call__(self, parts: Sequence[Part]) -> list[tuple[Any, Any]]:
        """Return the totals; see :func:`mxcore.kernel.dividing`."""
        blocks = [sum(-(-(end - begin) // BLOCK) for _, begin, end in some) for some in self._pieces]
        every = _gathered(self._group, [block for part in parts for block in part.blocks], len(parts), blocks)
        own = [key for key, *_ in self._pieces[self._group.Get_rank()]]
        found: list[tuple[Any, Any]] = []
        for number, part in enumerate(parts):
            by_key: dict[Key, list[Host]] = {key: [] for key in self._keys}
            for some, contributed in zip(self._pieces, every, strict=True):
                for key, block in zip((key for key, *_ in some), _split(contributed[number], some), strict=True):
                    by_key[key].append(block)
            totals = {key: total(part.name, np.concatenate(some)) for key, some in by_key.items()}
            if part.over == "all":
                sizes = np.array([self._sizes[key] for key in self._keys])
                found += mx.kernel.folded([Contribution(part.name, np.array([*totals.values()]), sizes)])
            else:
                found.append((np.array([totals[key] for key in own]), np.array([self._sizes[key] for key in own])))
        return found


class _Folded:
    """Combines what the parameters of all ranks contribute to reductions over all of them, in their order.

    Args:
        group: the ranks that have parameters.
        keys: the parameters, in the order of the call.
        pieces: for each of these ranks its parameters.
    """

    def __init__(self, group: Any, keys: Sequence[Key], pieces: Pieces) -> None:
        self._group, self._lengths = group, [len(some) for some in pieces]
        places = {key: place for place, key in enumerate(keys)}
        self._order = np.argsort([places[key] for some in pieces for key, *_ in some])

    def __call__(self, contributions: Sequence[Contribution]) -> Sequence[tuple[float, int]]:
        """Return the totals; see :func:`mxcore.kernel.folding`."""
        rows = [row for one in contributions for row in (one.totals, one.counts.astype(np.float64))]
        every = np.concatenate(_gathered(self._group, rows, len(rows), self._lengths), axis=1)[:, self._order]
        pairs = zip(contributions, every[::2], every[1::2], strict=True)
        return mx.kernel.folded([Contribution(one.name, sums, counts.astype(np.int64)) for one, sums, counts in pairs])


def _gathered(group: Any, own: Sequence[Host], rows: int, lengths: Sequence[int]) -> list[Host]:
    """Return for each rank an array of so many rows of numbers; of this one, the numbers are in several pieces."""
    sizes = [rows * length for length in lengths]
    mine = np.concatenate([np.empty(0), *own])
    if mine.size != sizes[group.Get_rank()]:
        raise RuntimeError(f"a reduction has {mine.size} terms, where {sizes[group.Get_rank()]} were expected")
    found = np.empty(sum(sizes))
    group.Allgatherv(mine, [found, sizes])
    ends = np.cumsum(sizes)[:-1]
    return [one.reshape(rows, -1) for one in np.split(found, ends)]


def _split(row: Host, pieces: Sequence[Piece]) -> Iterator[Host]:
    """Yield what each piece contributes."""
    begin = 0
    for _, first, last in pieces:
        end = begin - (first - last) // BLOCK
        yield row[begin:end]
        begin = end
