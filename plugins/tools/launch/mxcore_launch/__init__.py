"""Start the workers of a script, and what their key-value store needs, for mxcore."""

from __future__ import annotations

from mxcore_launch.workers import Workers

__all__ = ["Workers"]
