"""Values read from a file, with their position in it for error messages."""

from __future__ import annotations

import contextlib
import json
import reprlib
from typing import Any

import attrs

DEEPEST = 256
"""The maximum nesting depth of lists and tables in a file."""
_LARGEST = 2**53
"""A bound that no count reaches; floats represent every integer below it."""


@attrs.frozen
class Place:
    """A JSON value and its position in a file. Each method reads it as one type, or raises an error with the position.

    Args:
        value: the value.
        where: the file and the position, for messages.
    """

    value: Any
    where: str

    @classmethod
    def of_text(cls, text: str | bytes, where: str) -> Place:
        """Parse JSON.

        Raises:
            ValueError: it is invalid, or nested too deeply.
        """
        with contextlib.suppress(RecursionError):
            if is_shallow(value := json.loads(text)):
                return cls(value, where)
        raise ValueError(f"{where} is nested deeper than {DEEPEST} levels")

    def error(self, wanted: str) -> ValueError:
        """Return the error for a value that is not ``wanted``."""
        return ValueError(f"{self.where} must be {wanted}, got {reprlib.repr(self.value)}")

    def __getitem__(self, key: str) -> Place:
        """Return the value of a key in a table."""
        table = self.table()
        if key not in table:
            raise ValueError(f"{self.where} has no {key!r}")
        return self._within(table[key], key)

    def __contains__(self, key: str) -> bool:
        return key in self.table()

    def _within(self, value: Any, key: object) -> Place:
        return Place(value, f"{self.where}/{key!s:.60}")

    def table(self) -> dict[str, Any]:
        """Return the value as a table."""
        if not isinstance(self.value, dict):
            raise self.error("a table")
        return self.value

    def items(self) -> list[tuple[str, Place]]:
        """Return the keys and values of a table."""
        return [(key, self._within(value, key)) for key, value in self.table().items()]

    def list(self, length: int | None = None) -> list[Place]:
        """Return the items of a list, which must have this length, if one is given."""
        if not isinstance(self.value, list) or length not in (None, len(self.value)):
            raise self.error("a list" if length is None else f"a list of {length}")
        return [self._within(value, number) for number, value in enumerate(self.value)]

    def text(self) -> str:
        """Return the value as a string."""
        if not isinstance(self.value, str):
            raise self.error("a string")
        return self.value

    def text_or_none(self) -> str | None:
        """Return the value as a string, or None."""
        return None if self.value is None else self.text()

    def flag(self) -> bool:
        """Return the value as a boolean."""
        if not isinstance(self.value, bool):
            raise self.error("true or false")
        return self.value

    def count(self) -> int:
        """Return the value as an integer of at least 0."""
        if isinstance(self.value, bool) or not isinstance(self.value, int) or not 0 <= self.value < _LARGEST:
            raise self.error("an integer of at least 0")
        return self.value

    def number(self) -> float:
        """Return the value as a number."""
        if isinstance(self.value, bool) or not isinstance(self.value, (int, float)):
            raise self.error("a number")
        if isinstance(self.value, int) and abs(self.value) >= 2**1023:  # an infinity is fine: a rule may have stored it
            raise self.error("a number that a float can hold")
        return self.value


def is_shallow(value: Any) -> bool:
    """Return whether lists and tables are nested no deeper than a file allows."""
    level = [value]
    for _ in range(DEEPEST):
        inner = (one.values() if isinstance(one, dict) else one for one in level if isinstance(one, (dict, list)))
        level = [item for items in inner for item in items]
        if not level:
            return True
    return False
