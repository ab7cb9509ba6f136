"""What can go wrong in a training run: the asking, and the running."""

from __future__ import annotations

__all__ = ["DivergedError", "InputError"]


class InputError(ValueError):
    """What was asked for cannot be trained; nothing has been written. The message says why and what to do."""


class DivergedError(ArithmeticError):
    """The loss is no longer a finite number, so that going on is pointless."""
