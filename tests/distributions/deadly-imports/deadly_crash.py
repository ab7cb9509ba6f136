"""Reads from an invalid address."""

import ctypes

ctypes.string_at(0)
