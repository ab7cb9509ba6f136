"""The operations of rules, from ``operations.json``: one row each, under its NumPy name.

A row has the operation in Python, LLVM IR and CUDA C, as far as it exists there, its operator and its other names. To
add a function to the language, add a row.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

_TABLES: Mapping[str, dict[str, Any]] = json.loads(Path(__file__).with_suffix(".json").read_text("utf-8"))
FUNCTIONS = _TABLES["functions"]
"""The operations that rules call as NumPy functions."""
OPERATIONS = _TABLES["operators"] | FUNCTIONS | _TABLES["internal"]
"""All operations, with those that only others are composed of."""
OPERATORS: Mapping[str, str] = {one["operator"]: name for name, one in OPERATIONS.items() if "operator" in one}
"""NumPy names by those of Python's operators, including what ``math.floor``, ``math.ceil`` and ``round`` call."""
ALIASES: Mapping[str, str] = {alias: name for name, one in OPERATIONS.items() for alias in one.get("aliases", ())}
"""Other names of these functions, in NumPy and Python."""
REFUSED: Mapping[str, str] = _TABLES["refused"]
"""Operators that the language lacks, each with its error message."""
