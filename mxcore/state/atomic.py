"""Files that are written completely or not at all."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import secrets
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, BinaryIO, TypeAlias

try:
    import fcntl
except ImportError:  # without it, files left behind by killed processes are not removed
    fcntl = None  # type: ignore[assignment]

AnyPath: TypeAlias = str | os.PathLike[str]
"""The path of a file, as users pass it."""


def write_atomically(path: Path, data: Any) -> None:
    """Write a file completely or not at all, under another name in the same folder which is then renamed.

    The file takes over the mode and owner of a file that it replaces. Symbolic links are followed. Temporary files
    left behind by killed processes are removed.

    Args:
        path: the file.
        data: its content, as bytes or an iterable of parts.

    Raises:
        OSError: the file cannot be written, or is a device, pipe or folder; the message names ``path``.
    """
    parts: Iterable[Any] = [data] if isinstance(data, bytes) else data
    try:
        _replace(Path(os.path.realpath(path)), parts)
    except (OSError, ValueError) as error:  # ValueError for a path with a null byte
        code, why = (error.errno, error.strerror) if isinstance(error, OSError) else (errno.EINVAL, None)
        raise OSError(code or errno.EIO, why or str(error), str(path)) from error


def open_regular(path: AnyPath) -> BinaryIO:
    """Open a regular file for reading.

    Raises:
        OSError: it cannot be opened.
        ValueError: it is a device or pipe, which may never end, or the name is invalid.
    """
    waits = getattr(os, "O_NONBLOCK", 0)  # without it, opening a pipe blocks until something writes to it
    try:
        file = open(path, "rb", opener=lambda name, flags: os.open(name, flags | waits))  # noqa: SIM115
    except ValueError as error:
        raise ValueError(f"{os.fspath(path)!r:.200} is not a valid file name: {error}") from error
    if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        file.close()
        raise ValueError(f"{os.fspath(path)} is not a regular file")
    return file


def _replace(target: Path, parts: Iterable[Any]) -> None:
    former = None
    with contextlib.suppress(FileNotFoundError):
        former = target.stat()
    if former and stat.S_ISDIR(former.st_mode):
        raise OSError(errno.EISDIR, os.strerror(errno.EISDIR))
    if former and not stat.S_ISREG(former.st_mode):
        raise OSError(errno.EINVAL, "it is a device or pipe, which cannot be replaced by a file")
    # Short, so that any file name the system allows can be saved, and the same for each save of one file.
    prefix = f".mxcore-{hashlib.blake2b(os.fsencode(target.name), digest_size=6).hexdigest()}-"
    _clear(target.parent, prefix)
    with _temporary(target.parent, prefix) as file:
        for part in parts:
            file.write(part)
        if former:
            _hand_down(former, file.fileno())
        file.flush()
        os.fsync(file.fileno())
        if not fcntl:  # there are no locks to keep, and Windows cannot rename an open file
            file.close()
        Path(file.name).replace(target)
    _sync_folder(target.parent)


@contextlib.contextmanager
def _temporary(folder: Path, prefix: str) -> Iterator[BinaryIO]:
    """Create a file that is locked while its process lives, and is removed if the block fails."""
    while True:
        path = folder / f"{prefix}{secrets.token_hex(4)}"
        with path.open("xb") as file:
            if fcntl:
                with contextlib.suppress(OSError):  # a file system without locks: nothing is removed there
                    fcntl.flock(file, fcntl.LOCK_EX)
                if not os.fstat(file.fileno()).st_nlink:  # another save has removed it as an orphan
                    continue
            try:
                yield file
            except BaseException:
                with contextlib.suppress(OSError):  # a full disk; Windows cannot remove an open file
                    file.close()
                path.unlink(missing_ok=True)
                raise
            return


def _clear(folder: Path, prefix: str) -> None:
    """Remove temporary files whose process is gone, so that their lock is free."""
    if not fcntl:
        return
    for path in folder.glob(f"{prefix}*"):
        with contextlib.suppress(OSError), path.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            path.unlink()


def _hand_down(former: os.stat_result, descriptor: int) -> None:
    """Give a file the mode of another one and, if allowed, its owner."""
    with contextlib.suppress(PermissionError, AttributeError):
        os.fchown(descriptor, former.st_uid, former.st_gid)
    with contextlib.suppress(AttributeError):
        os.fchmod(descriptor, stat.S_IMODE(former.st_mode))


def _sync_folder(folder: Path) -> None:
    """Flush the folder entry of a file, which flushing the file does not do; some file systems do not support it."""
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
