"""The version of the core, which is that of every distribution of this project."""

__version__ = "0.1.0"
"""The version, which all distributions of this project share."""
