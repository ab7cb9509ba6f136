"""This project's own plugins, installed or not: which distribution offers which name, and how to install it."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any

from mxcore.catalogue.record import GROUPS


@functools.cache
def known_names(kind: str) -> Mapping[str, str]:
    """Return the names, aliases and class names of this project's own plugins, with the distribution of each.

    >>> import mxcore as mx
    >>> mx.catalogue.known_names("lr_scheduler")["factor"]
    'mxcore-lr-scheduler-factor'
    """
    names: dict[str, str] = {}
    for distribution, known in _ours()["distributions"].items():
        for name, target in known["entry-points"].get(GROUPS[kind], {}).items():
            names[name] = names[target.rpartition(":")[2].lower()] = distribution
    return names


def how_to_install(distribution: str, option: str = "") -> str:
    """Return the :func:`install_command` of a distribution, and where to run it.

    >>> import mxcore as mx
    >>> print(mx.catalogue.how_to_install("mxcore-optimizer-adam"))
    uv pip install ./plugins/optimizers/adam in a checkout of mxcore (it is not on a public index yet)
    """
    unpublished = distribution.partition("[")[0] in _ours()["distributions"] and not _ours()["published"]
    where = " in a checkout of mxcore (it is not on a public index yet)" if unpublished else ""
    return install_command(distribution, option) + where


def install_command(distribution: str, option: str = "") -> str:
    """Return the command that installs a distribution, of this project or any other, or the core with an extra.

    >>> import mxcore as mx
    >>> print(mx.catalogue.install_command("mxcore[jit]", "--upgrade"))
    uv pip install --upgrade '.[jit]'
    >>> print(mx.catalogue.install_command("somebody-elses-adam"))
    pip install somebody-elses-adam
    """
    name, bracket, extra = distribution.partition("[")
    command, what = "pip install", distribution
    if name in _ours()["distributions"] and not _ours()["published"]:
        command, what = "uv pip install", f"{_ours()['distributions'][name]['folder']}{bracket}{extra}"
    return " ".join(filter(None, [command, option, f"'{what}'" if bracket else what]))


@functools.cache
def _ours() -> Any:
    import json  # only needed for errors
    from pathlib import Path

    return json.loads(Path(__file__).parent.with_name("builtins.json").read_text(encoding="utf-8"))
