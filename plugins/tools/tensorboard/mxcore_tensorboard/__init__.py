"""Logs of runs for TensorBoard, written by tensorboardX: neither TensorFlow nor PyTorch is needed."""

from __future__ import annotations

import itertools
import os
from collections.abc import Sequence
from pathlib import Path

from mxcore_runlog import Row, Writer
from tensorboardX.event_file_writer import EventsWriter
from tensorboardX.proto.event_pb2 import Event, SessionLog
from tensorboardX.proto.summary_pb2 import Summary

__all__ = ["TensorBoard"]

_numbers = itertools.count()


class TensorBoard(Writer):
    """A folder of event files, for ``mx.runlog.open``. ``tensorboard --logdir`` shows it.

    The tags are the columns, such as ``grad_norm``; of a row of a parameter, ``grad_norm/fc_weight``; with several
    updaters, ``critic/grad_norm``. TensorBoard stores values as float32. If a run was resumed from an earlier state,
    TensorBoard hides what was logged after that state before.

    >>> import pathlib, tempfile
    >>> import numpy as np, mxcore as mx
    >>> folder = pathlib.Path(tempfile.mkdtemp(), "run")
    >>> update = mx.optimizer.get_updater(mx.optimizer.create("sgd", learning_rate=0.5))
    >>> with mx.runlog.open(mx.tensorboard(folder), update):
    ...     update("w", np.array([3.0, 4.0]), np.zeros(2))
    >>> [file.name[:19] for file in folder.iterdir()]
    ['events.out.tfevents']

    Args:
        directory: the folder; it is created with its parents. Every log adds a file, so a run that resumes continues.
    """

    def __init__(self, directory: str | os.PathLike[str]) -> None:
        self.directory = Path(directory)
        self._events: EventsWriter | None = None

    def __repr__(self) -> str:
        return f"TensorBoard({str(self.directory)!r})"

    def start(self, columns: Sequence[str]) -> None:
        """Create the folder."""
        self.directory.mkdir(parents=True, exist_ok=True)

    def write(self, rows: Sequence[Row]) -> None:
        """Write an event for each row."""
        events = self._opened(int(rows[0]["update"]))
        for row in rows:
            values = [Summary.Value(tag=_tag(name, row), simple_value=value) for name, value in _scalars(row).items()]
            event = Event(wall_time=row["time"], step=row["update"], summary=Summary(value=values))
            events.write_event(event)
        events.flush()

    def _opened(self, update: int) -> EventsWriter:
        # Not SummaryWriter: its queue may lose what was written before a crash, and it keeps all values in memory.
        if self._events is None:
            suffix = f".{os.getpid()}.{next(_numbers)}"
            self._events = EventsWriter(str(self.directory / "events"), suffix)
            self._events.write_event(Event(step=update, session_log=SessionLog(status=SessionLog.START)))
        return self._events

    def close(self) -> None:
        """Close the file."""
        if self._events is not None:
            self._events.close()
            self._events = None


def _scalars(row: Row) -> dict[str, float | str]:
    return {name: value for name, value in row.items() if name not in ("update", "time", "updater", "parameter")}


def _tag(name: str, row: Row) -> str:
    return "/".join(str(part) for part in (row.get("updater"), name, row.get("parameter")) if part is not None)
