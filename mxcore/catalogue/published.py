"""The plugins of this project, installed or not: which distribution offers which name, and how to install it."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any

from mxcore.catalogue.record import GROUPS


@functools.cache
def known_names(kind: str) -> Mapping[str, str]:
    """The names, aliases and class names of this project's own plugins, and the distribution of each.

    >>> import mxcore as mx
    >>> mx.catalogue.known_names("lr_scheduler")["factor"]
    'mxcore-lr-scheduler-factor'
    """
    names: dict[str, str] = {}
    for distribution, known in _published().items():
        for name, target in known["entry-points"].get(GROUPS[kind], {}).items():
            names[name] = names[target.rpartition(":")[2].lower()] = distribution
    return names


def how_to_install(distribution: str) -> str:
    """What to type to install one of this project's own distributions, or the core with an extra.

    >>> import mxcore as mx
    >>> print(mx.catalogue.how_to_install("mxcore-optimizer-adam"))
    pip install mxcore-optimizer-adam ...
    >>> print(mx.catalogue.how_to_install("mxcore[jit]"))
    pip install 'mxcore[jit]' ...
    """
    name, bracket, extra = distribution.partition("[")
    folder = f"./{_published()[name]['folder']}" if name in _published() else "."
    typed, here = (f"'{what}'" if bracket else what for what in (distribution, f"{folder}{bracket}{extra}"))
    return f"pip install {typed} (not on a public index yet: until it is, uv pip install {here} in a checkout)"


@functools.cache
def _published() -> Any:
    import json  # for errors alone
    from pathlib import Path

    return json.loads(Path(__file__).parent.with_name("builtins.json").read_text(encoding="utf-8"))
