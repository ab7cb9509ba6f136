"""Suggestions for names and arguments that do not exist: terms of other libraries, and misspellings.

The terms are in ``hints.json``: regular expressions for what people type, in lower case and without punctuation. For
an argument, each hint names the arguments that a class must have for it to apply, optionally followed by a statement.
"""

from __future__ import annotations

import functools
import inspect
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

__all__ = ["closest", "explain_misfits", "meant_by", "misfit", "no_such_arguments", "required"]


@functools.cache
def _tables() -> Mapping[str, Mapping[str, list[str]]]:
    import json  # only needed for errors
    from pathlib import Path

    tables: Mapping[str, Mapping[str, list[str]]] = json.loads(Path(__file__).with_suffix(".json").read_text("utf-8"))
    return tables


def closest(word: str, known: Iterable[str], count: int = 3, cutoff: float = 0.6) -> list[str]:
    """Return the known words that are spelt most similarly.

    >>> from mxcore.catalogue.hints import closest
    >>> closest("adma", ["adam", "adagrad", "sgd"], count=1)
    ['adam']
    """
    import difflib  # only needed for errors

    return difflib.get_close_matches(word[:100], known, count, cutoff)  # nothing longer is a name


def meant_by(table: str, word: str) -> list[str]:
    """Return the hints for a word from a table: ``"arguments"``, or a kind of algorithms.

    >>> from mxcore.catalogue.hints import meant_by
    >>> meant_by("initializer", "He")
    ["'kaimingnormal' (He initialization)"]
    """
    plain = re.sub(r"[\W_]", "", word.lower())[:100]
    return [hint for words, hints in _tables().get(table, {}).items() if re.fullmatch(words, plain) for hint in hints]


def _hint(word: str, parameters: Mapping[str, Any]) -> str:
    """Return a suggestion in parentheses: the intended parameter, or how to get the same effect; empty if unknown."""
    for option in meant_by("arguments", word):
        needed, _, statement = option.partition(": ")
        if all(name in parameters for name in needed.split("+") if name):
            return f" ({statement})" if statement else f" (did you mean {' and '.join(map(repr, needed.split('+')))}?)"
    close = closest(word, parameters, 1)
    return f" (did you mean {close[0]!r}?)" if close else ""


def no_such_arguments(what: object, words: Sequence[str], parameters: Mapping[str, Any]) -> str:
    """Return the message for arguments that do not exist: a suggestion for each, and the arguments that do.

    >>> from mxcore.catalogue.hints import no_such_arguments
    >>> no_such_arguments("Adam", ["betas"], {"beta1": 0.9, "beta2": 0.999})
    "Adam has no argument 'betas' (did you mean 'beta1' and 'beta2'?): it takes beta1, beta2"
    """
    hinted = ", ".join(f"{word!r}{_hint(word, parameters)}" for word in words)
    return f"{what} has no argument {hinted}: it takes {', '.join(parameters) or 'none'}"


def misfit(cls: type, args: Sequence[Any], kwargs: Mapping[str, Any], what: str, call: str) -> TypeError | None:
    """Return the error if a call has unknown arguments or lacks required ones, else None.

    Args:
        cls: the class.
        args: the positional arguments.
        kwargs: the keyword arguments.
        what: what the message calls the class.
        call: how users write the call, up to the first argument.
    """
    signature = inspect.signature(cls)
    try:
        signature.bind(*args, **kwargs)
        return None
    except TypeError:
        parameters = signature.parameters
    takes_any = any(one.kind is one.VAR_KEYWORD for one in parameters.values())
    if unknown := [name for name in kwargs if name not in parameters and not takes_any]:
        return TypeError(no_such_arguments(what, unknown, parameters))
    missing = [name for name in required(parameters) if name not in {*kwargs, *[*parameters][: len(args)]}]
    example: Mapping[str, Any] = next(iter(getattr(cls, "examples", ())), {})
    example = {name: value for name, value in example.items() if not callable(value)}  # whose repr cannot be typed
    values = ", ".join(f"{name}={example[name]!r}" if name in example else f"{name}=…" for name in missing)
    return TypeError(f"{what} needs {', '.join(missing)}, such as {call}{values})") if missing else None


def required(parameters: Mapping[str, inspect.Parameter]) -> list[str]:
    """Return the names of the parameters that have no default."""
    variadic = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    return [name for name, one in parameters.items() if one.default is one.empty and one.kind not in variadic]


def explain_misfits(cls: Any) -> None:
    """Make a constructor suggest what was meant by unknown arguments, and show how to pass those it requires."""
    constructor = cls.__init__

    @functools.wraps(constructor)
    def explained(self: Any, *args: Any, **kwargs: Any) -> None:
        try:
            constructor(self, *args, **kwargs)
        except TypeError as error:
            name = type(self).__name__
            if why := misfit(cls, args, kwargs, name, f"{name}("):
                raise why from error
            raise

    cls.__init__ = explained
