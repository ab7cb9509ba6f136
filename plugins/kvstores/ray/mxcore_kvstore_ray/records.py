"""What workers, servers and the coordinator tell one another."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import attrs

from mxcore.kvstore import Key

NAMESPACE = "mxcore"
"""The namespace of all actors in Ray."""


@attrs.frozen
class Job:
    """What all workers of a run have to agree on.

    >>> Job("run", workers=2, servers=2).server(1)
    'run/server/1'
    """

    name: str
    """The prefix of the names of its actors."""
    workers: int
    """How many workers there are."""
    servers: int = 1
    """How many servers there are."""
    synchronous: bool = True
    """Whether an update waits for the gradients of all workers."""
    checkpoint: str | None = None
    """The folder of checkpoints, or None."""
    interval: int = 0
    """The number of updates between two checkpoints."""
    timeout: float = 60.0
    """How many seconds to wait for others."""
    trust: bool = False
    """Whether servers unpickle optimizers."""

    @property
    def coordinator(self) -> str:
        """The name of the coordinator."""
        return f"{self.name}/coordinator"

    def server(self, index: int) -> str:
        """Return the name of a server."""
        return f"{self.name}/server/{index}"

    def difference(self, other: Job) -> str:
        """Describe how another worker's settings differ; empty if they don't.

        >>> Job("run", workers=2).difference(Job("run", workers=3))
        'workers=3 (not 2)'
        """
        own, theirs = attrs.asdict(self), attrs.asdict(other)
        return ", ".join(f"{name}={theirs[name]!r} (not {own[name]!r})" for name in own if own[name] != theirs[name])


class Push(NamedTuple):
    """A worker's push, as one server sees it.

    >>> Push(rank=0, number=1, keys=("w",), places=(0,), among=(0,)).number
    1
    """

    rank: int
    """The worker."""
    number: int
    """How many pushes the worker has made, with this one; in a synchronous run, the round."""
    keys: tuple[Key, ...]
    """The keys that this server has."""
    places: tuple[int, ...]
    """Where they stand among all keys of the push."""
    among: tuple[int, ...]
    """The servers that have any of its keys."""


class Reply(NamedTuple):
    """What a server has of a worker's pushes.

    >>> Reply(seen=41, safe=40).seen
    41
    """

    seen: int
    """The number of the last push that it has applied."""
    safe: int
    """The number of the last push that its last checkpoint has."""


class Layout(NamedTuple):
    """Shape and dtype of a key.

    >>> print(Layout((2, 3), "float32", 24))
    shape (2, 3) and dtype float32
    """

    shape: tuple[int, ...]
    dtype: str
    size: int
    """In bytes."""

    def __str__(self) -> str:
        return f"shape {self.shape} and dtype {self.dtype}"


class Lost(RuntimeError):
    """Weights or gradients that are needed to go on are gone.

    >>> issubclass(Lost, RuntimeError)
    True
    """


def names(ranks: Sequence[int], what: str = "worker") -> str:
    """Return several workers or servers as a phrase.

    >>> names([1]), names([1, 3])
    ('worker 1', 'workers 1, 3')
    """
    return f"{what}{'s' * (len(ranks) > 1)} {', '.join(map(str, ranks))}"
