"""Strings that look like calls, such as ``cautious(lookahead(adam, k=5))``."""

from __future__ import annotations

import re
from typing import Any

__all__ = ["arguments", "call"]


def call(text: str) -> tuple[str, list[Any], dict[str, Any]] | None:
    """Return the name and the arguments of a call; None if the string is not a call.

    >>> from mxcore.catalogue.calls import call
    >>> call("lookahead(adam, k=5)")
    ('lookahead', ['adam'], {'k': 5})

    Raises:
        ValueError: it has the form ``name(…)``, but the part in brackets is not a list of arguments.
    """
    match = re.fullmatch(r"\s*([^\s()=,]+)\s*\((.*)\)\s*", text, re.DOTALL)
    return match and (match[1], *arguments(match[2]))


def arguments(text: str) -> tuple[list[Any], dict[str, Any]]:
    """Return positional and keyword arguments. A value is a Python literal, a list of values, or else a string.

    >>> from mxcore.catalogue.calls import arguments
    >>> arguments("lookahead(adam), step=[200, 400], mode=constant")
    (['lookahead(adam)'], {'step': [200, 400], 'mode': 'constant'})
    >>> arguments("[adam, sgd(momentum=0.9)]")
    ([['adam', 'sgd(momentum=0.9)']], {})

    Raises:
        ValueError: the string is not a list of arguments, or gives one twice.
    """
    import ast  # here, not to be felt in `import mxcore`

    source = f"_({text})"
    try:
        parsed: Any = ast.parse(source, mode="eval").body
        well_formed = parsed.func.id == "_" and all(word.arg for word in parsed.keywords)
    except (SyntaxError, ValueError, AttributeError, MemoryError, RecursionError):
        well_formed = False
    if not well_formed:
        raise ValueError(f"expected arguments such as adam, k=5, got {text!r:.200}")

    def value(node: ast.expr) -> Any:
        try:
            return ast.literal_eval(node)
        except (ValueError, TypeError, MemoryError, RecursionError):
            if isinstance(node, ast.List):
                return [value(one) for one in node.elts]
            return ast.get_source_segment(source, node)

    found = {word.arg: value(word.value) for word in parsed.keywords}
    if len(found) < len(parsed.keywords):
        raise ValueError(f"an argument is given twice in {text!r:.200}")
    return [value(node) for node in parsed.args], found
