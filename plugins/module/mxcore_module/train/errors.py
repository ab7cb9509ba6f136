"""The errors of a training run."""

from __future__ import annotations

__all__ = ["DivergedError", "InputError"]


class InputError(ValueError):
    """The options or the data cannot be used; nothing has been written. The message says why and what to do."""


class DivergedError(ArithmeticError):
    """The loss has become infinite or NaN, so training stops."""
