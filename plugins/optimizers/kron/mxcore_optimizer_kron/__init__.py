"""PSGD-Kron, for mxcore."""

from mxcore_optimizer_kron.kron import Kron

__all__ = ["Kron"]
