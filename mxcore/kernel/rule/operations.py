"""The operations of rules, from ``operations.json``: a row for each, by NumPy's name.

A row has what the operation is in Python, LLVM's language and CUDA C, where it is one there; the operator that stands
for it, and its other names. To add a function to the language, add a row.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

_TABLES: Mapping[str, dict[str, Any]] = json.loads(Path(__file__).with_suffix(".json").read_text("utf-8"))
FUNCTIONS = _TABLES["functions"]
"""Those that are functions of NumPy in a rule."""
OPERATIONS = _TABLES["operators"] | FUNCTIONS
"""All of them."""
OPERATORS: Mapping[str, str] = {one["operator"]: name for name, one in OPERATIONS.items() if "operator" in one}
"""Python's names of operators, with what ``math.floor``, ``math.ceil`` and ``round`` call; and NumPy's."""
ALIASES: Mapping[str, str] = {alias: name for name, one in OPERATIONS.items() for alias in one.get("aliases", ())}
"""Other names of functions, in NumPy and in Python."""
REFUSED: Mapping[str, str] = _TABLES["refused"]
"""Operators that nothing in the language has, and what to say of each."""
