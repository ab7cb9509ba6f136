"""Find a learning rate by a range test: ``mx.find_learning_rate`` and ``mxcore lr-find``."""

from __future__ import annotations

from mxcore_lrfind.finder import find_learning_rate
from mxcore_lrfind.result import Result

__all__ = ["Result", "find_learning_rate"]
