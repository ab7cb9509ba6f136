"""A value that was read from a file, and where it stands there, which the error says if it is a wrong one."""

from __future__ import annotations

import contextlib
import json
import reprlib
from typing import Any

import attrs

DEEPEST = 256
"""How many levels of lists and tables a file may have."""
_LARGEST = 2**53
"""No count gets there, and floats hold every one below."""


@attrs.frozen
class Place:
    """A JSON value and where it stands in a file. Each method reads it as one type, or raises an error that says where.

    Args:
        value: the value.
        where: the file and the place, for messages.
    """

    value: Any
    where: str

    @classmethod
    def of_text(cls, text: str | bytes, where: str) -> Place:
        """The value of a JSON text.

        Raises:
            ValueError: it is none, or nested too deeply.
        """
        with contextlib.suppress(RecursionError):
            if is_shallow(value := json.loads(text)):
                return cls(value, where)
        raise ValueError(f"{where} is nested deeper than {DEEPEST} levels")

    def error(self, wanted: str) -> ValueError:
        """The error for a value that is something else than what is wanted."""
        return ValueError(f"{self.where} must be {wanted}, got {reprlib.repr(self.value)}")

    def __getitem__(self, key: str) -> Place:
        """What a table has under a key."""
        table = self.table()
        if key not in table:
            raise ValueError(f"{self.where} has no {key!r}")
        return self._within(table[key], key)

    def __contains__(self, key: str) -> bool:
        return key in self.table()

    def _within(self, value: Any, key: object) -> Place:
        return Place(value, f"{self.where}/{key!s:.60}")

    def table(self) -> dict[str, Any]:
        """The value, a table."""
        if not isinstance(self.value, dict):
            raise self.error("a table")
        return self.value

    def items(self) -> list[tuple[str, Place]]:
        """The keys of a table, and what it has under them."""
        return [(key, self._within(value, key)) for key, value in self.table().items()]

    def list(self, length: int | None = None) -> list[Place]:
        """The items of a list, which has this length."""
        if not isinstance(self.value, list) or length not in (None, len(self.value)):
            raise self.error("a list" if length is None else f"a list of {length}")
        return [self._within(value, number) for number, value in enumerate(self.value)]

    def text(self) -> str:
        """The value, a string."""
        if not isinstance(self.value, str):
            raise self.error("a string")
        return self.value

    def text_or_none(self) -> str | None:
        """The value, a string or null."""
        return None if self.value is None else self.text()

    def flag(self) -> bool:
        """The value, true or false."""
        if not isinstance(self.value, bool):
            raise self.error("true or false")
        return self.value

    def count(self) -> int:
        """The value, an integer of at least 0."""
        if isinstance(self.value, bool) or not isinstance(self.value, int) or not 0 <= self.value < _LARGEST:
            raise self.error("an integer of at least 0")
        return self.value

    def number(self) -> float:
        """The value, a number."""
        if isinstance(self.value, bool) or not isinstance(self.value, (int, float)):
            raise self.error("a number")
        if isinstance(self.value, int) and abs(self.value) >= 2**1023:  # an infinity is fine: a rule may have kept it
            raise self.error("a number that a float can hold")
        return self.value


def is_shallow(value: Any) -> bool:
    """Whether lists and tables are nested no deeper than files may have them."""
    level = [value]
    for _ in range(DEEPEST):
        inner = (one.values() if isinstance(one, dict) else one for one in level if isinstance(one, (dict, list)))
        level = [item for items in inner for item in items]
        if not level:
            return True
    return False
