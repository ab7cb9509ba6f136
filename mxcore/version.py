"""The version of the core and of every distribution of this project."""

__version__ = "0.1.0"
"""The version, which all distributions of this project share."""
