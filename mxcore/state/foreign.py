"""Files of other programs, converted by plugins: entry points in the group ``mxcore.readers``.

A reader is a function of ``(data, source, updater)``: the bytes of a file, its path for messages, and the updater whose
state is wanted, or None for named arrays. It returns the bytes of a file of mxcore with the same content, which is then
checked like any other. It returns None if it does not know the format, and raises a ValueError if it does, but the file
is damaged, does not fit, or would have to be trusted.
"""

from __future__ import annotations

from typing import BinaryIO

from mxcore import catalogue
from mxcore.step.protocol import Run

_FIRST = 8  # behind the length of the header


def converted(file: BinaryIO | bytes, source: str, updater: Run | None = None) -> BinaryIO | bytes:
    """Return a file of mxcore as it is, and another one as the first reader that knows it converts it.

    Raises:
        ValueError: a reader refuses it, or may know it but is not installed.
    """
    begin = file if isinstance(file, bytes) else file.read(_FIRST + 1)
    if begin[_FIRST : _FIRST + 1] == b"{":
        return file
    data = begin if isinstance(file, bytes) else begin + file.read()
    readers = [record for record in catalogue.records("reader") if record.status == "ok"]
    for record in readers:
        found: bytes | None = catalogue.load("reader", record.qualified_name)(data, source, updater)
        if found is not None:
            return found
    others = {*catalogue.known_names("reader").values()} if not readers else ()
    hint = "".join(f"; for files of other programs: {catalogue.how_to_install(one)}" for one in others)
    raise ValueError(f"{source} is not a file of mxcore, or it is damaged{hint}")
