"""What a check is: a claim in words, and a function that tries to refute it."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from typing import Any

import attrs
import numpy as np
import numpy.typing as npt

__all__ = ["CHECKS", "Broken", "Check", "NotRun", "check", "expect", "refuses", "same"]

Array = npt.NDArray[Any]


class Broken(AssertionError):
    """A claim does not hold; the text says what was seen."""


class NotRun(Exception):
    """A claim that cannot be tried here; the text says why."""


@attrs.frozen
class Check:
    """One thing that users rely on.

    >>> from mxcore.testing import CHECKS
    >>> (check,) = [check for check in CHECKS if check.name == "schedules_are_pure"]
    >>> check.kind
    'lr_scheduler'
    >>> print(check.claim)
    Calls in any order and any number give the same rates, and change nothing.
    >>> print(check.why)
    Plots, two optimizers with one schedule, and resuming ask in an order of their own.

    Args:
        kind: optimizer, initializer, lr_scheduler or package.
        name: the name of the function, which is also its heading in ``docs/guides/conformance.md``.
        claim: what must hold, in one sentence.
        why: what goes wrong where it does not.
        refute: raises :class:`Broken` if the claim does not hold for its argument.
        needs: says what is missing here for it to be tried; empty if nothing is.
    """

    kind: str
    name: str
    claim: str
    why: str
    refute: Callable[[Any], None] = attrs.field(repr=False)
    needs: Callable[[], str] = attrs.field(default=str, repr=False)


CHECKS: list[Check] = []
"""Every check, in the order in which they are tried."""


def check(kind: str, needs: Callable[[], str] = str) -> Callable[[Callable[[Any], None]], Callable[[Any], None]]:
    """Add a function to the checks of a kind; its docstring is the claim, and after an empty line the reason."""

    def add(refute: Callable[[Any], None]) -> Callable[[Any], None]:
        claim, _, why = (inspect.getdoc(refute) or "").partition("\n\n")
        CHECKS.append(Check(kind, refute.__name__, " ".join(claim.split()), " ".join(why.split()), refute, needs))
        return refute

    return add


def expect(condition: object, seen: str) -> None:
    """Refute a claim with what was seen, unless ``condition`` holds."""
    if not condition:
        raise Broken(seen)


def same(seen: Iterable[Array], wanted: Iterable[Array], what: str, rtol: float = 0.0) -> None:
    """Refute a claim unless the arrays are equal: to the bit, or within ``rtol``. Any NaN equals any NaN."""
    for number, (got, right) in enumerate(zip(seen, wanted, strict=True)):
        equal = (
            np.array_equal(got, right, equal_nan=True)
            if not rtol
            else np.allclose(got, right, rtol=rtol, atol=rtol, equal_nan=True)
        )
        expect(equal, f"{what}: array {number} is {_short(got)}, not {_short(right)}")


def _short(array: Array) -> str:
    with np.printoptions(threshold=6, edgeitems=3, precision=6):
        return " ".join(str(array).split())


def refuses(function: Callable[[], object], what: str, *, says: str = "") -> None:
    """Refute a claim unless ``function`` raises a ValueError whose text contains ``says``."""
    try:
        function()
    except ValueError as error:
        expect(says in str(error), f"{what} is refused with {str(error)!r}, which does not say {says!r}")
    except Exception as error:
        raise Broken(f"{what} is refused with a {type(error).__name__}, not a ValueError: {error}") from error
    else:
        raise Broken(f"{what} is accepted")
