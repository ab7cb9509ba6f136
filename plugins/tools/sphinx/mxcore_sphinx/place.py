"""Where something is written, for warnings about it; what has no source file is no error."""

from __future__ import annotations

import ast
import inspect
import textwrap

__all__ = ["file_of", "place_of", "source_of"]


def file_of(cls: type) -> str | None:
    """The file of a class; None where it has none, as those that are built into Python."""
    try:
        return inspect.getsourcefile(cls)
    except TypeError:
        return None


def source_of(thing: object) -> str:
    """The source of a class or function, without what it is indented by; empty where there is none."""
    try:
        return textwrap.dedent(inspect.getsource(thing))  # type: ignore[arg-type]
    except (OSError, TypeError):
        return ""


def place_of(cls: type) -> tuple[str, int]:
    """The file of a class and the line, counted from 0, in which the text of its docstring begins."""
    file = file_of(cls)
    try:
        lines, first = inspect.getsourcelines(cls)
        (found,) = ast.parse(textwrap.dedent("".join(lines))).body
    except (OSError, TypeError, SyntaxError, ValueError):
        return file or f"docstring of {cls.__module__}.{cls.__qualname__}", 0
    match found:
        case ast.ClassDef(body=[ast.Expr(ast.Constant(str(text)) as said), *_]):
            before = next((number for number, line in enumerate(text.splitlines()) if line.strip()), 0)
            return file or "", first + said.lineno + before - 2
    return file or "", first - 1
