"""Sophia, for mxcore."""

from mxcore_optimizer_sophia.sophia import Sophia

__all__ = ["Sophia"]
