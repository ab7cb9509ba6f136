"""Code in other languages, from files of its own: ``native/driver.ll`` and the like, beside the modules that use them.

A name after ``$`` stands for a value. In files of LLVM's language there is one more instruction, for tables of words::

    %total = word i64 %job, 15

loads what the word of that number holds, as the type that is given.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable
from string import Template

_WORD = re.compile(r"^( *(%\S+)) = word (\w+) (%\w+), (\S+)$", re.MULTILINE)


def filled(file: str, **values: str | int | Iterable[str]) -> str:
    """The text of a file with values in place of names.

    Args:
        file: where it is in the package ``mxcore``.
        values: the value of every name, a string or a number, or lines.
    """
    plain = {name: one if isinstance(one, (str, int)) else "\n    ".join(one) for name, one in values.items()}
    text = _template(file).substitute(plain)
    return _WORD.sub(r"\1_p = getelementptr i64, ptr \4, i64 \5\n\1 = load \3, ptr \2_p", text)


@functools.cache
def _template(file: str) -> Template:
    from importlib import resources  # not for the import of the core; llvmlite has imported it already

    return Template(resources.files("mxcore").joinpath(file).read_text("utf-8"))
