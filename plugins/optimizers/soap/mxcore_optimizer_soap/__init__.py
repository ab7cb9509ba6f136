"""SOAP, for mxcore."""

from mxcore_optimizer_soap.soap import SOAP

__all__ = ["SOAP"]
