"""A check: a claim in words, and a function that tries to refute it."""

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
    """A claim does not hold; the message says what was observed."""


class NotRun(Exception):
    """A claim cannot be tested here; the message says why."""


@attrs.frozen
class Check:
    """A property that users rely on.

    >>> from mxcore.testing import CHECKS
    >>> (check,) = [check for check in CHECKS if check.name == "schedules_are_pure"]
    >>> check.kind
    'lr_scheduler'
    >>> print(check.claim)
    Any number of calls in any order gives the same rates, and changes nothing.
    >>> print(check.why)
    Plots, optimizers that share a schedule, and resumed runs call it in another order.

    Args:
        kind: optimizer, initializer, lr_scheduler or package.
        name: the name of the function, which is also its heading in ``docs/guides/conformance.md``.
        claim: what must hold, in a sentence.
        why: what goes wrong if it does not.
        refute: raises :class:`Broken` if the claim does not hold for its argument.
        needs: says what is missing for the test; empty if nothing is.
    """

    kind: str
    name: str
    claim: str
    why: str
    refute: Callable[[Any], None] = attrs.field(repr=False)
    needs: Callable[[], str] = attrs.field(default=str, repr=False)


CHECKS: list[Check] = []
"""All checks, in the order in which they run."""


def check(kind: str, needs: Callable[[], str] = str) -> Callable[[Callable[[Any], None]], Callable[[Any], None]]:
    """Register a function as a check of a kind; its docstring is the claim and, after an empty line, the reason."""

    def add(refute: Callable[[Any], None]) -> Callable[[Any], None]:
        claim, _, why = (inspect.getdoc(refute) or "").partition("\n\n")
        CHECKS.append(Check(kind, refute.__name__, " ".join(claim.split()), " ".join(why.split()), refute, needs))
        return refute

    return add


def expect(condition: object, seen: str) -> None:
    """Refute a claim with what was observed, unless ``condition`` holds."""
    if not condition:
        raise Broken(seen)


def same(seen: Iterable[Array], wanted: Iterable[Array], what: str, rtol: float = 0.0) -> None:
    """Refute a claim unless the arrays are equal bit for bit, or within ``rtol``. Any NaN equals any NaN."""
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
    """Refute a claim unless ``function`` raises a ValueError whose message contains ``says``."""
    try:
        function()
    except ValueError as error:
        expect(says in str(error), f"{what} is refused with {str(error)!r}, which does not say {says!r}")
    except Exception as error:
        raise Broken(f"{what} is refused with a {type(error).__name__}, not a ValueError: {error}") from error
    else:
        raise Broken(f"{what} is accepted")
