"""Groups of parameters as people type them: as words, or in a TOML or JSON file.

>>> settings("wd=0,learning_rate=0.01")
{'wd': 0, 'learning_rate': 0.01}
>>> collect([(".*_bias", "wd=0"), ("stem_", "frozen=true")])
{'.*_bias': {'wd': 0}, 'stem_': {'frozen': True}}
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from mxcore.catalogue.calls import arguments
from mxcore.commands.choice import ChoiceError
from mxcore.groups import Groups

__all__ = ["collect", "read", "settings"]

_BOOLEANS = {"true": True, "false": False}


def settings(text: str) -> dict[str, Any]:
    """Return the settings in ``NAME=VALUE,…``, where a value is a Python literal, true or false, or else a string.

    Raises:
        ChoiceError: the text has another form, or gives a setting twice.
    """
    try:
        by_position, given = arguments(text)
        if by_position or not given:
            raise ValueError("a setting has no value" if by_position else "there are no settings")
    except ValueError as error:
        raise ChoiceError(f"expected NAME=VALUE,…, such as wd=0,learning_rate=0.01, got {text!r}: {error}") from error
    return {name: _BOOLEANS.get(value, value) if isinstance(value, str) else value for name, value in given.items()}


def collect(words: Iterable[tuple[str, str]]) -> dict[str, dict[str, Any]]:
    """Return groups from pairs of a pattern and its settings.

    Raises:
        ChoiceError: a pattern is not a regular expression or is given twice, or its settings cannot be read.
    """
    groups: dict[str, dict[str, Any]] = {}
    for pattern, text in words:
        if pattern in groups:
            raise ChoiceError(f"the group {pattern!r} is given twice: put all of its settings in one")
        try:
            groups[pattern] = settings(text)
        except ChoiceError as error:
            raise ChoiceError(f"the group {pattern!r}: {error}") from error
    return _checked(groups, "")


def read(path: Path) -> dict[str, dict[str, Any]]:
    """Return the groups in a file with a table of settings for each pattern.

    In TOML, a group looks like this::

        [".*_bias"]
        wd = 0
        learning_rate = 0.01

    Args:
        path: a ``.toml`` or ``.json`` file.

    Raises:
        ChoiceError: the file cannot be read, or has no groups. The message names the file.
    """
    loads = {".toml": tomllib.loads, ".json": json.loads}.get(path.suffix.lower())
    if loads is None:
        raise ChoiceError(f"groups are read from a .toml or .json file, got {str(path)!r}")
    try:
        groups = loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ChoiceError(f"cannot read {str(path)!r}: {error.strerror or error}") from error
    except (ValueError, RecursionError) as error:
        raise ChoiceError(f"{path} is not a {path.suffix[1:].upper()} file: {error}") from error
    if not groups:
        raise ChoiceError(f"{path} has no groups: give a table of settings for each pattern")
    return _checked(groups, f"{path}: ")


def _checked(groups: Any, where: str) -> dict[str, dict[str, Any]]:
    try:
        return {pattern: dict(given) for pattern, given in Groups(groups).items()}
    except ValueError as error:
        raise ChoiceError(f"{where}{error}") from error
