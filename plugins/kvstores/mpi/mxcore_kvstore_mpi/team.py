"""The processes of a job: what they agree on before they exchange anything, and how the job ends if one fails."""

from __future__ import annotations

import atexit
import contextlib
import hashlib
import sys
import traceback
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple, NoReturn

import numpy as np
from mpi4py import MPI
from mpi4py.util import pkl5

import mxcore as mx

__all__ = ["Agreed", "Team"]

_WORD = 62  # bits of an integer that MPI can compare


class Agreed(NamedTuple):
    """What the ranks have told each other at the beginning of a call."""

    highest: int
    """The highest update count that any of them knows."""
    random: dict[str, int]
    """The random numbers of rank 0."""


class Team:
    """The ranks of a communicator, of which each makes the same calls.

    Args:
        comm: the communicator, which is copied; None for all processes of the job.
    """

    def __init__(self, comm: Any = None) -> None:
        self.comm = (MPI.COMM_WORLD if comm is None else comm).Dup()
        self.rank, self.size = int(self.comm.Get_rank()), int(self.comm.Get_size())
        self.joined = False
        """Whether the call in progress has been agreed on."""
        self.updates = 0
        """How many pushes have been completed."""
        self._digests: dict[Any, int] = {}
        self._groups: dict[tuple[int, ...], Any] = {}

    def stay(self) -> None:
        """Take part until :meth:`close`, at the latest at the end of the process."""
        if self.size > 1:
            _open.append(self)

    def agree(
        self, what: str, details: Sequence[str] = (), *, highest: int = 0, error: Exception | None = None
    ) -> Agreed:
        """Check that all ranks do the same; every collective call begins so, and thus none waits forever.

        Args:
            what: the call.
            details: what must be the same, one item after the other.
            highest: the highest update count that this rank knows.
            error: what keeps this rank from doing it.

        Raises:
            ValueError: a rank differs; the message names it.
            RuntimeError: another rank has an error.
        """
        self.joined = True
        if self.comm == MPI.COMM_NULL:
            raise ValueError(f"{what}: the store has been closed")
        if self.size == 1:
            if error is not None:
                raise error
            return Agreed(highest, mx.random.get_state())
        digest = -1 if error else self._digest(what, tuple(details))
        words = self._random_words() if self.rank == 0 else (-1, -1, -1)
        told, found = np.array([digest, -digest, highest, *words]), np.empty(6, np.int64)
        self.comm.Allreduce(told, found, MPI.MAX)
        least, most = -int(found[1]), int(found[0])
        if least != most or error is not None:
            self._refuse(what, tuple(details), error)
        low, high, position = map(int, found[3:])
        return Agreed(int(found[2]), {"seed": low | high << _WORD, "position": position})

    def fail(self, what: str, error: Exception) -> NoReturn:
        """Tell the others that this rank cannot do what they are about to do."""
        self.agree(what, error=error)
        raise error

    def _random_words(self) -> tuple[int, int, int]:
        state = mx.random.get_state()
        return state["seed"] & (1 << _WORD) - 1, state["seed"] >> _WORD & (1 << _WORD) - 1, state["position"]

    def _digest(self, what: str, details: tuple[str, ...]) -> int:
        if (found := self._digests.get((what, details))) is None:
            if len(self._digests) > 1000:
                self._digests.clear()
            words = hashlib.blake2b(repr((what, details)).encode(), digest_size=8).digest()
            found = self._digests[what, details] = int.from_bytes(words, "little") >> 2
        return found ^ self.updates

    def _refuse(self, what: str, details: tuple[str, ...], error: Exception | None) -> NoReturn:
        text = None if error is None else f"{type(error).__name__}: {error}"
        every = self.comm.allgather((what, f"after {self.updates} updates", *details, text))
        if error is not None:
            raise error
        for rank, one in enumerate(every):
            if one[-1] is not None:
                raise RuntimeError(f"{one[0]} failed on rank {rank}, so that nothing was done: {one[-1]}")
        common = Counter(every).most_common(1)[0][0]  # of two that are equally common, that of the lower rank
        odd = next(rank for rank, one in enumerate(every) if one != common)
        odd = self.rank if every[self.rank] != common else odd
        one, other = _difference(every[odd], common)
        here = [" (this one)" if rank == self.rank else "" for rank in (odd, every.index(common))]
        raise ValueError(
            f"the ranks of the job differ: rank {odd}{here[0]} has {one}, rank {every.index(common)}{here[1]} has "
            f"{other}; nothing was done"
        )

    def exchange(self, send: Any, send_spans: Sequence[Any], receive: Any, receive_spans: Sequence[Any]) -> None:
        """Send a span of bytes to each rank, and receive one from each."""
        messages = []
        for buffer, spans in ((send, send_spans), (receive, receive_spans)):
            messages.append([buffer, [end - begin for begin, end in spans], [begin for begin, _ in spans], MPI.BYTE])
        self.comm.Alltoallv(*messages)

    def share(self, buffer: Any, spans: Sequence[tuple[int, int]], *, library: bool = False) -> None:
        """Fill a buffer of which each rank has a span.

        Every rank sends its span to each of the others, which for large arrays is several times as fast as MPICH's
        Allgatherv on one machine.

        Args:
            buffer: the bytes.
            spans: for each rank, where its bytes begin and end.
            library: whether to leave it to the MPI library.
        """
        if library:
            sizes, begins = [end - begin for begin, end in spans], [begin for begin, _ in spans]
            self.comm.Allgatherv(MPI.IN_PLACE, [buffer, sizes, begins, MPI.BYTE])
            return
        begin, end = spans[self.rank]
        own = [(begin, begin if rank == self.rank else end) for rank in range(self.size)]
        theirs = [(0, 0) if rank == self.rank else span for rank, span in enumerate(spans)]
        self.exchange(buffer, own, buffer, theirs)

    def among(self, ranks: tuple[int, ...]) -> Any:
        """Return a communicator of some ranks; all ranks must call this."""
        if len(ranks) == self.size:
            return self.comm
        if ranks not in self._groups:
            self._groups[ranks] = self.comm.Split(0 if self.rank in ranks else MPI.UNDEFINED, self.rank)
        return self._groups[ranks]

    def gather(self, value: Any) -> list[Any] | None:
        """Return the values of all ranks on rank 0."""
        found: list[Any] | None = pkl5.Intracomm(self.comm).gather(value, root=0)
        return found

    def scatter(self, values: Sequence[Any] | None) -> Any:
        """Return the value for this rank out of those on rank 0."""
        return pkl5.Intracomm(self.comm).scatter(values, root=0)

    def bcast(self, value: Any) -> Any:
        """Return the value of rank 0."""
        return pkl5.Intracomm(self.comm).bcast(value, root=0)

    @contextlib.contextmanager
    def guarded(self) -> Iterator[None]:
        """End the job if the block fails: the others wait for what this rank cannot send any more."""
        try:
            yield
        except BaseException:
            if self.size > 1:
                traceback.print_exc()
                self.abort()
            raise

    def abort(self) -> None:
        """End all processes of the job."""
        sys.stderr.write(f"mxcore: rank {self.rank} of {self.size} has failed, so the whole job is ended\n")
        sys.stderr.flush()
        self.comm.Abort(1)

    def close(self) -> None:
        """Leave, together with all others."""
        if self.comm != MPI.COMM_NULL:
            if self in _open:
                _open.remove(self)
            self.agree("close, or ended")
            for comm in (*self._groups.values(), self.comm):
                if comm != MPI.COMM_NULL:
                    comm.Free()
            self.comm = MPI.COMM_NULL


def _difference(one: Sequence[Any], other: Sequence[Any]) -> tuple[Any, Any]:
    """Return the first items in which two descriptions differ."""
    (call, *items), (its_call, *its_items) = one, other
    if call != its_call:
        return f"called {call}", f"called {its_call}"
    pairs = zip([*items[:-1], "nothing more"], [*its_items[:-1], "nothing more"], strict=False)
    return next((pair for pair in pairs if pair[0] != pair[1]), ("something", "something else"))


_open: list[Team] = []  # in the order in which all ranks have created them


@atexit.register
def _leave() -> None:
    """Let no rank wait for one that ends, which MPI would do at the exit of the process."""
    for team in _open:
        if getattr(sys, "last_exc", None) or getattr(sys, "last_value", None):  # the traceback has been printed
            team.abort()
        try:
            team.close()
        except Exception as error:
            sys.stderr.write(f"mxcore: rank {team.rank} of {team.size} has ended, but {error}\n")
