"""Gradients of all ranks, summed piece by piece: each rank has the sums of its own pieces."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from mxcore.backend import Array, Host, backend_of
from mxcore.kvstore import Key
from mxcore_kvstore_mpi.team import Team

__all__ = ["BLOCK", "Exchange", "Piece", "aligned", "bytes_of", "divided", "host", "views_in"]

BLOCK = 4096
"""Parameters are cut at multiples of this many elements, as reductions are computed in blocks of them."""
_ALIGNMENT = 64
_CHUNK = 1 << 16  # elements: what is added up stays in the cache


class Piece(NamedTuple):
    """The elements from ``begin`` to ``end`` of a parameter, in C order."""

    key: Key
    begin: int
    end: int


def divided(parameters: Sequence[tuple[Key, int, int]], ranks: int, *, whole: bool = False) -> list[list[Piece]]:
    """Return the pieces of each rank: contiguous ranges of all parameters, equal but for one block.

    >>> divided([("a", 10000, 4), ("b", 5, 4)], 2)
    [[Piece(key='a', begin=0, end=8192)], [Piece(key='a', begin=8192, end=10000), Piece(key='b', begin=0, end=5)]]
    >>> divided([("a", 10000, 4), ("b", 5, 4)], 2, whole=True)
    [[Piece(key='a', begin=0, end=10000)], [Piece(key='b', begin=0, end=5)]]

    Args:
        parameters: for each its key, its number of elements, and how much one costs.
        ranks: how many ranks there are.
        whole: whether to cut between parameters only.
    """
    pieces: list[list[Piece]] = [[] for _ in range(ranks)]
    total = max(sum(size * cost for _, size, cost in parameters), 1)
    rank = done = 0
    for key, size, cost in parameters:
        begin, more = 0, True
        while more:
            end = size
            if whole:
                rank = min(ranks - 1, (2 * done + size * cost) * ranks // (2 * total))
            elif rank < ranks - 1:
                room = -(-((rank + 1) * total - done * ranks) // (ranks * cost))  # elements, rounded up
                end = min(size, -(-(begin + room) // BLOCK) * BLOCK)
            pieces[rank].append(Piece(key, begin, end))
            done += (end - begin) * cost
            while rank < ranks - 1 and done * ranks >= (rank + 1) * total:
                rank += 1
            begin, more = end, end < size
    return pieces


def aligned(size: int) -> int:
    """Return a number of bytes, rounded up so that what follows is aligned."""
    return -(-size // _ALIGNMENT) * _ALIGNMENT


def bytes_of(size: int) -> Host:
    """Return a new aligned buffer."""
    buffer = np.zeros(size + _ALIGNMENT, np.uint8)
    begin = -buffer.ctypes.data % _ALIGNMENT
    return buffer[begin : begin + size]


def views_in(buffer: Host, begin: int, pieces: Sequence[Piece], dtypes: Mapping[Key, np.dtype[Any]]) -> list[Host]:
    """Return vectors in a buffer, one for each piece."""
    views = []
    for key, first, last in pieces:
        size = (last - first) * dtypes[key].itemsize
        views.append(buffer[begin : begin + size].view(dtypes[key]))
        begin += aligned(size)
    return views


def host(array: Array) -> Host:
    """Return an array on the host, in C order."""
    return np.ascontiguousarray(array if isinstance(array, np.ndarray) else backend_of(array).to_host(array))


class Exchange:
    """Sums gradients of the same parameters and dtypes, in buffers that are kept.

    Args:
        team: the ranks.
        pieces: for each rank, the pieces that it gets.
        dtypes: the dtype of each gradient.
        order: ``"ranks"`` to add the gradients in the order of ranks, ``"any"`` to leave that to the MPI library, if it
            knows the dtype of all gradients.
    """

    def __init__(
        self, team: Team, pieces: Sequence[Sequence[Piece]], dtypes: Mapping[Key, np.dtype[Any]], order: str
    ) -> None:
        self.team, self.pieces = team, pieces
        every = {dtypes[key] for some in pieces for key, *_ in some}
        self._library = order == "any" and len(every) == 1 and {one.char for one in every} <= set("fdFD")
        lengths = [sum(aligned((end - begin) * dtypes[key].itemsize) for key, begin, end in some) for some in pieces]
        ends = np.cumsum([0, *lengths]).tolist()
        self.spans = list(itertools.pairwise(ends))
        """Where the pieces of each rank begin and end in the buffer."""
        self.buffer = bytes_of(ends[-1])
        self._views = [views_in(self.buffer, begin, some, dtypes) for begin, some in zip(ends, pieces, strict=False)]
        own = lengths[team.rank]
        slots = [rank - (rank > team.rank) for rank in range(team.size)]
        self._received = bytes_of(own * max(team.size - 1, 1) if team.size > 1 else 0)
        self._receive_spans = [(own * slot, own * (slot + 1)) for slot in slots]
        self._receive_spans[team.rank] = self._send_own = (0, 0)
        mine = pieces[team.rank]
        self._theirs = [
            views_in(self._received, own * slot, mine, dtypes) if rank != team.rank else []
            for rank, slot in enumerate(slots)
        ]
        self._dtype = every.pop() if self._library else None
        self._dtypes = dtypes

    def sum(self, grads: Mapping[Key, Array]) -> list[Host]:
        """Return the sums of this rank's pieces, in buffers that the next call overwrites."""
        vectors = {key: host(grad).reshape(-1) for key, grad in grads.items()}
        team, rank = self.team, self.team.rank
        if team.size == 1:
            return [vectors[key] for key, *_ in self.pieces[0]]
        for number, (pieces, views) in enumerate(zip(self.pieces, self._views, strict=True)):
            if number != rank or self._library:
                for (key, begin, end), view in zip(pieces, views, strict=True):
                    view[...] = vectors[key][begin:end]
        if self._library:
            return self._reduced()
        spans = [self._send_own if number == rank else span for number, span in enumerate(self.spans)]
        team.exchange(self.buffer, spans, self._received, self._receive_spans)
        for place, (key, begin, end) in enumerate(self.pieces[rank]):
            parts = [one[place] if one else vectors[key][begin:end] for one in self._theirs]
            _add(parts, self._views[rank][place])
        return self._views[rank]

    def everywhere(self, grads: Mapping[Key, Array]) -> dict[Key, Host]:
        """Return the sums of all pieces, as a vector for each parameter."""
        found = self.sum(grads)
        if self.team.size == 1:
            return dict(zip((key for key, *_ in self.pieces[0]), found, strict=True))
        if self._library:
            begin, end = self.spans[self.team.rank]
            self.buffer[begin:end] = self._received[: end - begin]
        self.team.share(self.buffer, self.spans, library=self._library)
        return self._vectors

    @functools.cached_property
    def _vectors(self) -> dict[Key, Host]:
        """The parameters: the pieces of one follow each other in the buffer."""
        begins: dict[Key, int] = {}
        sizes: dict[Key, int] = {}
        for (begin, _), some in zip(self.spans, self.pieces, strict=True):
            for key, first, last in some:
                begins.setdefault(key, begin)
                size = (last - first) * self._dtypes[key].itemsize
                sizes[key] = sizes.get(key, 0) + size
                begin += aligned(size)
        return {key: self.buffer[begins[key] : begins[key] + sizes[key]].view(self._dtypes[key]) for key in begins}

    def _reduced(self) -> list[Host]:
        assert self._dtype is not None
        begin, end = self.spans[self.team.rank]
        counts = [(end - begin) // self._dtype.itemsize for begin, end in self.spans]
        target = self._received[: end - begin].view(self._dtype)
        self.team.comm.Reduce_scatter(self.buffer.view(self._dtype), target, counts)
        return self._theirs[0 if self.team.rank else 1]


def _add(parts: Sequence[Host], out: Host) -> None:
    """Add vectors one after the other, as :func:`mxcore.kvstore.summed` does."""
    first, second, *rest = parts
    step = _CHUNK if rest else max(out.size, 1)
    for begin in range(0, out.size, step):
        where = slice(begin, begin + step)
        total = np.add(first[where], second[where], out=out[where])
        for one in rest:
            total += one[where]
