"""A log of runs, as a hook plugin that is registered while the log is open."""

from __future__ import annotations

import threading
import time
import weakref
from collections.abc import Iterable, Mapping, Sequence
from types import TracebackType
from typing import Any

import attrs
import numpy as np

import mxcore as mx
from mxcore.optimizer import Updater
from mxcore_runlog.measure import Begun, Taken, begun, ended, together
from mxcore_runlog.options import Options
from mxcore_runlog.writer import Row, Writer

__all__ = ["Log"]


@attrs.define(eq=False)
class _Pending:
    """A row of an update, some parameters of which may still come."""

    update: int
    time: float = 0.0
    numbers: dict[str, float] = attrs.field(factory=dict)
    parts: dict[Any, Taken] = attrs.field(factory=dict)
    is_first: bool = False


@attrs.define(eq=False)
class _Run:
    """What is known of an updater.

    Args:
        name: its name in rows.
        is_near: whether its next call may belong to an update that is logged.
        begun: the updates that are being made, by thread, with their rows.
        pending: the row that is not written yet.
        written: the update of the last row.
    """

    name: str | None
    is_near: bool = True
    begun: dict[int, tuple[Begun, _Pending]] = attrs.field(factory=dict)
    pending: _Pending | None = None
    written: int | None = None


class _Before:
    """The hook before an update, which is registered only around updates that are logged.

    A hook before every update would keep the updater from the short way that it takes when nothing has changed.
    """

    def __init__(self, log: Log) -> None:
        self.log = log

    @mx.hooks.hookimpl
    def mxcore_before_step(self, updater: Any, indices: Any, weights: Any, grads: Any) -> None:
        self.log.begin(updater, indices, weights, grads)


class Log:
    """An open log, as :func:`open` returns it. Close it, or use it in a ``with`` statement.

    >>> import pathlib, tempfile
    >>> import numpy as np, mxcore as mx
    >>> path = pathlib.Path(tempfile.mkdtemp(), "run.jsonl")
    >>> update = mx.optimizer.get_updater(mx.optimizer.create("sgd"))
    >>> log = mx.runlog.open(path, update)
    >>> log.add(loss=0.5)
    >>> update("w", np.ones(1), np.ones(1))
    >>> log.write(accuracy=0.75)
    >>> log.close()
    >>> [(row["update"], row["loss"], row["accuracy"]) for row in mx.runlog.read(path)]
    [(1, 0.5, 0.75)]

    Several threads may use it. If they call the same updater, a row may be missing.
    """

    def __init__(self, writers: Sequence[Writer], updaters: Mapping[str | None, Updater[Any]], options: Any) -> None:
        self.writers = list(writers)
        self.options: Options = options
        self.is_open = False
        self._any = not updaters
        self._runs: weakref.WeakKeyDictionary[Updater[Any], _Run] = weakref.WeakKeyDictionary()
        for name, updater in updaters.items():
            self._runs[updater] = _Run(name)
        self._unwritten: set[_Run] = set()  # it outlives the updaters
        self._numbers: dict[str, Any] = {}
        self._lock = threading.RLock()
        self._before, self._is_armed, self._seen = _Before(self), False, 0

    def start(self) -> None:
        """Open the destinations and register the hooks; if one destination fails, close the others."""
        columns = ["update", "time", *self._labels(), *self.options.columns]
        try:
            for writer in self.writers:
                writer.start(columns)
        except BaseException:
            for writer in self.writers:
                writer.close()
            raise
        mx.hooks.register(self)
        self.is_open = True
        self._arm()

    def _labels(self) -> list[str]:
        named = self._any or any(run.name is not None for run in self._runs.values())
        return ["updater"] * named + ["parameter"] * (self.options.pattern is not None)

    def __enter__(self) -> Log:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Write what is left, close the destinations and remove the hooks. A closed log stays closed."""
        with self._lock:
            if not self.is_open:
                return
            self.is_open = False
            mx.hooks.unregister(self)
            self._arm()
            try:
                self._flush()
            finally:
                for writer in self.writers:
                    writer.close()

    def add(self, **numbers: Any) -> None:
        """Add numbers, such as the loss, to the next row over all parameters: call it before the update.

        A row has the latest value of each number added since the row before. A number on a device is fetched when the
        row is begun, so that adding one to updates that are not logged doesn't wait for the device.

        Raises:
            TypeError: one is not a number.
            ValueError: a name is taken by a column, a CSV file has no such column, or the log is closed.
        """
        checked = {name: _number(name, value) for name, value in numbers.items()}
        with self._lock:
            self._check(checked)
            self._numbers.update(checked)

    def write(self, **numbers: Any) -> None:
        """Write a row with these numbers now, such as an accuracy after an epoch, whatever ``every`` is.

        Its update count is that of the last update, the highest if there are several updaters.

        Raises:
            TypeError, ValueError: as for :meth:`add`.
        """
        checked = {name: float(_number(name, value)) for name, value in numbers.items()}
        with self._lock:
            self._check(checked)
            self._flush()
            update = max((updater.tally.highest.value for updater in self._runs), default=0)
            self._write([{"update": update, "time": _now(), **checked}])

    def _check(self, names: Iterable[str]) -> None:
        if not self.is_open:
            raise ValueError("the log is closed: open another one")
        for name in names:
            if name in {"update", "time", "updater", "parameter", *self.options.columns}:
                raise ValueError(f"{name!r} is a column that the log fills in itself: choose another name")
        for writer in self.writers:
            writer.check(names)

    # --- the hooks ---------------------------------------------------------------------------------------------------

    def begin(self, updater: Any, indices: Any, weights: Any, grads: Any) -> None:
        """Note what is known only before an update, if it is logged."""
        with self._lock:
            run = self._run(updater)
            if run is None or not self.is_open:
                return
            optimizer, tally = updater.optimizer, updater.tally
            run.begun.pop(threading.get_ident(), None)  # of an update that failed
            start = optimizer.begin_num_update
            update = max(tally.highest.value, 1 + max(tally.table.get(index, start) for index in indices))
            # A parameter that joins late, in a call of its own, may come after the row of the update is complete.
            if update % self.options.every or update == run.written:
                return
            before = begun(updater, indices, weights, grads, self.options.columns)
            if run.pending is None or run.pending.update != update:
                self._flush(run)
                run.pending = _Pending(update)
                self._unwritten.add(run)
            run.pending.numbers.update({name: float(value) for name, value in self._numbers.items()})
            self._numbers.clear()
            run.begun[threading.get_ident()] = before, run.pending

    @mx.hooks.hookimpl
    def mxcore_after_step(self, updater: Any, indices: Any, weights: Any) -> None:
        """Write a row, if the update is one of those that are logged."""
        run = self._runs.get(updater)
        if run is None and not self._any:
            return
        update = updater.tally.highest.value
        if run is not None and not run.is_near and (update + 1) % self.options.every:
            return
        with self._lock:
            self._after(updater, update, indices, weights)

    @mx.hooks.hookimpl
    def mxcore_loaded(self, updater: Any) -> None:
        """Be ready for any update count."""
        with self._lock:
            run = self._runs.get(updater)
            if run is not None:
                self._flush(run)
                run.is_near, run.written = True, None
                self._arm()

    def _after(self, updater: Any, update: int, indices: Any, weights: Any) -> None:
        run = self._run(updater)
        if run is None or not self.is_open:
            return
        pending = run.pending
        if threading.get_ident() in run.begun:
            # If another thread has begun the next update meanwhile, this row is dropped: rows must be in order.
            before, row = run.begun.pop(threading.get_ident())
            row.time, row.is_first = _now(), row.is_first or before.is_first
            row.parts.update(ended(updater, indices, weights, before, self.options.columns))
        # A first update may be of parameters that come one at a time, so it is complete only when the next one comes.
        if pending is not None and (
            pending.update < update or (not pending.is_first and len(pending.parts) >= len(updater.states))
        ):
            self._flush(run)
        run.is_near = run.pending is not None or not (update + 1) % self.options.every
        self._arm()

    def _run(self, updater: Any) -> _Run | None:
        run = self._runs.get(updater)
        if run is None and self._any:
            run = self._runs[updater] = _Run(str(self._seen))
            self._seen += 1
        return run

    def _arm(self) -> None:
        wanted = self.is_open and (any(run.is_near for run in self._runs.values()) or (self._any and not self._runs))
        if wanted != self._is_armed:
            (mx.hooks.register if wanted else mx.hooks.unregister)(self._before)
            self._is_armed = wanted

    # --- rows --------------------------------------------------------------------------------------------------------

    def _flush(self, *runs: _Run) -> None:
        """Write the pending rows of these runs, or of all."""
        for run in runs or list(self._unwritten):
            pending, run.pending = run.pending, None
            self._unwritten.discard(run)
            if pending is not None and pending.parts:
                run.written = pending.update
                self._write(self._rows(run, pending))

    def _rows(self, run: _Run, pending: _Pending) -> list[Row]:
        columns, pattern = self.options.columns, self.options.pattern
        shared: dict[str, Any] = {"update": pending.update, "time": pending.time}
        if run.name is not None:
            shared["updater"] = run.name
        parts = pending.parts.values()
        rows: list[Row] = [{**shared, **together(parts, columns), **pending.numbers}]
        if pattern is not None:
            some = [part for part in parts if pattern.fullmatch(part.name)]
            rows += [{**shared, "parameter": part.name, **together([part], columns)} for part in some]
        return rows

    def _write(self, rows: list[Row]) -> None:
        for writer in self.writers:
            writer.write(rows)


def _now() -> float:
    return round(time.time(), 3)


def _number(name: str, value: Any) -> Any:
    """Return a number as a float; one on a device as it is."""
    if isinstance(value, (bool, str)) or not hasattr(value, "__float__") or getattr(value, "shape", ()) != ():
        raise TypeError(f"{name} must be a number, got {value!r:.100}")
    on_host = isinstance(value, (int, float, np.generic, np.ndarray))
    return float(value) if on_host else value
