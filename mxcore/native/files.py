"""Code templates in other languages, such as ``native/driver.ll``, next to the modules that use them.

A name after ``$`` is replaced by a value. A block indented below a line such as ``for each norm:`` is repeated for each
item of a list: either a value, ``$norm`` in the block, or several named values. LLVM files have one more
instruction, for tables of words::

    %total = word i64 %job, 15

loads the word of that number as the given type.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable, Mapping
from string import Template
from typing import Any

_BLOCK = re.compile(r"^( *)for each (\w+):\n((?:\1  .*\n)+)", re.MULTILINE)
_WORD = re.compile(r"^( *(%\S+)) = word (\w+) (%\w+), (\S+)$", re.MULTILINE)


def filled(file: str, **values: str | int | Iterable[str | int | Mapping[str, str | int]]) -> str:
    """Return the text of a template, with names replaced by values.

    Args:
        file: the path in the package ``mxcore``.
        values: the value of every name: a string, a number, or lines; or the items of a block.
    """

    def repeated(block: re.Match[str]) -> str:
        _, name, body = block.groups()
        items: Any = values[name]
        return "".join(
            Template(body).safe_substitute(one if isinstance(one, Mapping) else {name: one}) for one in items
        )

    text = _BLOCK.sub(repeated, _text(file))
    plain = {name: one if isinstance(one, (str, int)) else "\n    ".join(map(str, one)) for name, one in values.items()}
    text = Template(text).substitute(plain)
    return _WORD.sub(r"\1_p = getelementptr i64, ptr \4, i64 \5\n\1 = load \3, ptr \2_p", text)


@functools.cache
def _text(file: str) -> str:
    from importlib import resources  # here, since llvmlite has already imported it

    return resources.files("mxcore").joinpath(file).read_text("utf-8")
