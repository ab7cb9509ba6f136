"""Which function a program is calling while a method of ours runs, for messages."""

from __future__ import annotations

import sys
from typing import Any


def called() -> str:
    """The name of the function that the nearest caller outside of this package calls; empty if it calls none.

    What is written in C, such as ``min`` or ``math.exp``, has no frame. The instructions of the caller tell its name:
    the last that is loaded where the call begins in the source.
    """
    import dis  # for messages alone

    frame: Any = sys._getframe(1)
    while frame.f_globals.get("__name__", "").startswith(__package__):
        frame = frame.f_back
    *before, call = (one for one in dis.get_instructions(frame.f_code) if one.offset <= frame.f_lasti)
    begin = call.positions and call.positions[::2]
    if not call.opname.startswith("CALL") or not begin or begin[1] is None:
        return ""
    names = [one.argval for one in before if one.positions and one.positions[::2] == begin]
    return next((name for name in reversed(names) if isinstance(name, str)), "")
