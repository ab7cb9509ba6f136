"""Types of options for the command line. Only click is imported here, so that ``mxcore --help`` stays fast."""

from __future__ import annotations

import ast
import math
import re
from typing import Any

import click

__all__ = ["DEVICE", "KEY_VALUE", "RATES", "SIZES", "Device", "KeyValue", "Rates", "Sizes", "collect"]


class KeyValue(click.ParamType):  # type: ignore[type-arg]  # generic in newer clicks only
    """``NAME=VALUE``, where the value is a Python literal or else a string.

    >>> KEY_VALUE.convert("momentum=0.9", None, None), KEY_VALUE.convert("rnd_type=gaussian", None, None)
    (('momentum', 0.9), ('rnd_type', 'gaussian'))
    """

    name = "NAME=VALUE"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, Any]:
        """Return the name and the value."""
        if isinstance(value, tuple):
            return value
        name, equals, text = (part.strip() for part in str(value).partition("="))
        if not equals or not name.isidentifier():
            self.fail(f"expected NAME=VALUE, such as momentum=0.9, got {value!r}", param, ctx)
        try:
            return name, ast.literal_eval(text)
        except (ValueError, SyntaxError, MemoryError, RecursionError):
            return name, text


class Sizes(click.ParamType):  # type: ignore[type-arg]
    """Widths of layers, separated by commas; empty for none.

    >>> SIZES.convert("128,64", None, None), SIZES.convert("", None, None)
    ((128, 64), ())
    """

    name = "N,N,…"
    largest = 16384

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[int, ...]:
        """Return the widths."""
        if isinstance(value, tuple):
            return value
        words = [word.strip() for word in str(value).split(",")] if str(value).strip() else []
        for word in words:
            if not word.isdecimal() or not 1 <= int(word) <= self.largest:
                self.fail(f"a layer must be 1 to {self.largest} wide, got {word!r} in {value!r}", param, ctx)
        return tuple(int(word) for word in words)


class Rates(click.ParamType):  # type: ignore[type-arg]
    """Learning rates, separated by commas.

    >>> RATES.convert("0.1,1e-3", None, None)
    (0.001, 0.1)
    """

    name = "RATE,RATE,…"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[float, ...]:
        """Return the rates, lowest first."""
        if isinstance(value, tuple):
            return value
        try:
            rates = {float(word) for word in str(value).split(",")}
        except ValueError:
            self.fail(f"expected numbers such as 0.001,0.01,0.1, got {value!r}", param, ctx)
        if not all(0 < rate < math.inf for rate in rates):
            self.fail(f"a learning rate must be a number above 0, got {value!r}", param, ctx)
        return tuple(sorted(rates))


class Device(click.ParamType):  # type: ignore[type-arg]
    """``cpu``, ``gpu`` or ``gpu:N``, in lower case.

    >>> DEVICE.convert("GPU:1", None, None)
    'gpu:1'
    """

    name = "cpu|gpu|gpu:N"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the device's name."""
        name = str(value).strip().lower()
        if not re.fullmatch(r"cpu|gpu(:\d+)?", name):
            self.fail(f"expected cpu, gpu or gpu:N, got {value!r}", param, ctx)
        return name


DEVICE = Device()
KEY_VALUE = KeyValue()
RATES = Rates()
SIZES = Sizes()


def collect(ctx: click.Context, param: click.Parameter, pairs: tuple[tuple[str, Any], ...]) -> dict[str, Any]:
    """Collect the pairs of a repeatable option in a dict; a callback for click.

    Raises:
        click.BadParameter: if a name is given twice.
    """
    names = [name for name, _ in pairs]
    for name in names:
        if names.count(name) > 1:
            raise click.BadParameter(f"{name} is given twice", ctx, param)
    return dict(pairs)
