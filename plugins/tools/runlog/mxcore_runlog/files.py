"""Logs as files of lines: writing, continuing after a crash, and reading back."""

from __future__ import annotations

import csv
import io
import json
import math
import os
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO

from mxcore_runlog.writer import Row, Writer

__all__ = ["Csv", "JsonLines", "read", "writer_for"]

_STRINGS, _INTEGERS = frozenset({"updater", "parameter"}), frozenset({"update", "nonfinite"})
# JSON has no such numbers; protobuf's JSON mapping uses the same strings.
_SPECIAL = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}
_BLOCK = 1 << 16


class _Lines(Writer):
    """A file of lines.

    Args:
        path: the file; folders that don't exist are created.
        append: add to what is there; False to start with an empty file.
    """

    def __init__(self, path: str | os.PathLike[str], *, append: bool = True) -> None:
        self.path, self.append = Path(path), append
        self._file: BinaryIO | None = None

    def __repr__(self) -> str:
        return f"{type(self).__name__}({str(self.path)!r})"

    def start(self, columns: Sequence[str]) -> None:
        """Open the file; remove a last line that a crash has left incomplete.

        Raises:
            ValueError: the file is not a log, or has other columns.
        """
        self.path.parent.mkdir(parents=True, exist_ok=True)
        end = 0
        if self.append and self.path.exists():
            with self.path.open("rb") as file:
                first, end = file.readline(), _end_of_lines(file)
            if first:
                self._continue(first if end else b"", columns, first)
        self._begin(columns, empty=not end)
        self._file = self.path.open("ab" if self.append else "wb")
        if self._file.tell() > end:
            self._file.truncate(end)
            warnings.warn(f"{self.path}: removed the last line, which was incomplete", UserWarning, stacklevel=4)

    def _continue(self, line: bytes, columns: Sequence[str], begin: bytes) -> None:
        """Check that the file may be added to, from its first line, or from the beginning of one."""

    def _begin(self, columns: Sequence[str], *, empty: bool) -> None:
        """Prepare for the first row."""

    def _append(self, text: str) -> None:
        if self._file is None:
            raise ValueError(f"{self!r} is not open")
        self._file.write(text.encode())
        self._file.flush()

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()
            self._file = None


class JsonLines(_Lines):
    """A file with one JSON object per row. Numbers that are not finite are written as ``"NaN"`` and ``"Infinity"``.

    >>> import json, pathlib, tempfile, mxcore as mx
    >>> path = pathlib.Path(tempfile.mkdtemp(), "run.jsonl")
    >>> writer = mx.runlog.JsonLines(path)
    >>> writer.start(["update"])
    >>> writer.write([{"update": 10, "loss": 0.5}, {"update": 20, "loss": float("inf")}])
    >>> writer.close()
    >>> print(path.read_text().strip())
    {"update": 10, "loss": 0.5}
    {"update": 20, "loss": "Infinity"}

    Args:
        path: the file; folders that don't exist are created.
        append: add to what is there; False to start with an empty file.
    """

    def _continue(self, line: bytes, columns: Sequence[str], begin: bytes) -> None:
        is_log = "update" in _object(line) if line else _agree(begin, b'{"update"')
        if not is_log:
            raise ValueError(f"{self.path} is not a log, with 'update' in an object on each line: {_shown(begin)}")

    def write(self, rows: Sequence[Row]) -> None:
        """Write rows."""
        self._append("".join(json.dumps(_plain(row), ensure_ascii=False) + "\n" for row in rows))


class Csv(_Lines):
    """A file of comma-separated values. Its header never changes.

    >>> import pathlib, tempfile, mxcore as mx
    >>> path = pathlib.Path(tempfile.mkdtemp(), "run.csv")
    >>> writer = mx.runlog.Csv(path, numbers=["loss", "accuracy"])
    >>> writer.start(["update", "learning_rate"])
    >>> writer.write([{"update": 10, "learning_rate": 0.1, "loss": 0.5}])
    >>> writer.close()
    >>> print(path.read_text().strip())
    update,learning_rate,loss,accuracy
    10,0.1,0.5,

    Args:
        path: the file; folders that don't exist are created.
        numbers: the names of all numbers that the program adds; by default those of the first row.
        append: add to what is there; False to start with an empty file.
    """

    def __init__(
        self, path: str | os.PathLike[str], *, numbers: Iterable[str] | None = None, append: bool = True
    ) -> None:
        super().__init__(path, append=append)
        self.numbers = None if numbers is None else list(numbers)
        self._columns: list[str] = []
        self._header: list[str] | None = None
        self._has_header = False

    def _continue(self, line: bytes, columns: Sequence[str], begin: bytes) -> None:
        header = next(csv.reader([line.decode(errors="replace")]), [])
        is_log = header[:1] == ["update"] if line else _agree(begin, b"update")
        if not is_log:
            raise ValueError(f"{self.path} is not a log, whose first column is 'update': {_shown(begin)}")
        wanted = [*columns, *(self.numbers or ())]
        if line and (header[: len(columns)] != list(columns) or set(wanted) - set(header)):
            raise ValueError(
                f"{self.path} has the columns {','.join(header)}, but this log has {','.join(wanted)}: "
                "choose the same columns, or another file"
            )
        self._header, self._has_header = header or None, bool(header)

    def _begin(self, columns: Sequence[str], *, empty: bool) -> None:
        self._columns = list(columns)
        if empty:
            self._has_header = False
            self._header = None if self.numbers is None else [*columns, *self.numbers]

    def check(self, names: Iterable[str]) -> None:
        """Raise a ValueError if the header has no column for one of these numbers."""
        header = self._header
        unknown = [name for name in names if header is not None and name not in header]
        if header is not None and unknown:
            given = [*header[len(self._columns) :], *unknown]
            raise ValueError(
                f"{self.path} has no column {unknown[0]!r}, and a header never changes: "
                f"start another file with Csv(path, numbers={given!r})"
            )

    def write(self, rows: Sequence[Row]) -> None:
        """Write rows; the first ones determine the header."""
        if self._header is None:
            more = dict.fromkeys(name for row in rows for name in row if name not in self._columns)
            self._header = [*self._columns, *more]
        for row in rows:
            self.check(row)
        text = io.StringIO()
        lines = csv.DictWriter(text, self._header, lineterminator="\n")
        if not self._has_header:
            lines.writeheader()
        lines.writerows(rows)
        self._append(text.getvalue())
        self._has_header = True


_FORMATS: dict[str, type[JsonLines | Csv]] = {".jsonl": JsonLines, ".ndjson": JsonLines, ".csv": Csv}


def _format(path: Path) -> type[JsonLines | Csv]:
    if path.suffix.lower() not in _FORMATS:
        raise ValueError(f"the name of a log must end in one of {', '.join(_FORMATS)}, got {str(path)!r}")
    return _FORMATS[path.suffix.lower()]


def writer_for(destination: Any) -> Writer:
    """Return a writer, or one for a path.

    Raises:
        TypeError: it is neither.
        ValueError: the suffix of the path is unknown.
    """
    if isinstance(destination, (str, os.PathLike)):
        path = Path(destination)
        return _format(path)(path)
    if not isinstance(destination, Writer):
        raise TypeError(f"a log is written to a path or a Writer, got {destination!r:.100}")
    return destination


def read(path: str | os.PathLike[str]) -> list[dict[str, Any]]:
    r"""Read a log back: one row for each update, updater and parameter.

    If a run was resumed from an earlier state, what it repeated replaces what was logged after that state before. Rows
    of the same update, such as one from :meth:`Log.write`, become one. An incomplete last line is left out.

    >>> import pathlib, tempfile, mxcore as mx
    >>> path = pathlib.Path(tempfile.mkdtemp(), "run.csv")
    >>> _ = path.write_text("update,loss\n10,0.5\n20,0.25\n30,0.2\n20,0.125\n30,0.")
    >>> mx.runlog.read(path)
    [{'update': 10, 'loss': 0.5}, {'update': 20, 'loss': 0.125}]

    Raises:
        ValueError: a line cannot be read, or the suffix of the path is unknown.
    """
    path = Path(path)
    parsed = _json_rows if _format(path) is JsonLines else _csv_rows
    with path.open("rb") as file:
        whole = _end_of_lines(file)
        file.seek(0)
        text = file.read(whole).decode(errors="replace")
    kept: dict[tuple[Any, int, Any], dict[str, Any]] = {}
    last: dict[Any, int] = {}
    for row in parsed(path, text):
        updater, update = row.get("updater"), row["update"]
        if update < last.get(updater, update):
            for key in [key for key in kept if key[0] == updater and key[1] > update]:
                del kept[key]
        last[updater] = update
        kept.setdefault((updater, update, row.get("parameter")), {}).update(row)
    return list(kept.values())


def _json_rows(path: Path, text: str) -> Iterator[dict[str, Any]]:
    for number, line in enumerate(text.split("\n")[:-1], 1):
        row = _object(line)
        if type(row.get("update")) is not int:
            raise ValueError(f"{path}, line {number} is not an object with an integer 'update': {_shown(line)}")
        yield {
            name: _SPECIAL.get(value, value) if isinstance(value, str) and name not in _STRINGS else value
            for name, value in row.items()
        }


def _csv_rows(path: Path, text: str) -> Iterator[dict[str, Any]]:
    lines = csv.reader(io.StringIO(text))
    header = next(lines, ["update"])
    if header[:1] != ["update"]:
        raise ValueError(f"{path} is not a log, whose first column is 'update': it has {','.join(header):.100}")
    for cells in lines:
        try:
            yield {
                name: cell if name in _STRINGS else int(cell) if name in _INTEGERS else float(cell)
                for name, cell in zip(header, cells, strict=True)
                if cell or name == "update"
            }
        except ValueError as error:
            raise ValueError(
                f"{path}, line {lines.line_num} is not a row of a log: {_shown(','.join(cells))}"
            ) from error


def _plain(row: Row) -> dict[str, Any]:
    names = {math.inf: "Infinity", -math.inf: "-Infinity"}
    return {
        name: names.get(value, "NaN") if isinstance(value, float) and not math.isfinite(value) else value
        for name, value in row.items()
    }


def _object(line: str | bytes) -> Mapping[str, Any]:
    """Return the object on a line, empty if there is none."""
    try:
        found = json.loads(line)
    except ValueError:
        return {}
    return found if isinstance(found, Mapping) else {}


def _agree(begin: bytes, expected: bytes) -> bool:
    """Return whether an incomplete line may be the beginning of a log. A power failure leaves zeros."""
    begin = begin.rstrip(b"\0")
    return begin.startswith(expected) or expected.startswith(begin)


def _end_of_lines(file: BinaryIO) -> int:
    """Return where the last complete line ends."""
    at = file.seek(0, os.SEEK_END)
    while at > 0:
        begin = max(at - _BLOCK, 0)
        file.seek(begin)
        found = file.read(at - begin).rfind(b"\n")
        if found >= 0:
            return begin + found + 1
        at = begin
    return 0


def _shown(line: str | bytes) -> str:
    text = line if isinstance(line, str) else line.decode(errors="replace")
    return f"got {text.rstrip()[:80]!r}"
