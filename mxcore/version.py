"""The version of the core and of every distribution of this project."""

__version__ = "0.1.0"
