"""Muon, for mxcore."""

from mxcore_optimizer_muon.muon import Muon

__all__ = ["Muon"]
