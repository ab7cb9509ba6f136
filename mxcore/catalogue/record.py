"""A record: one name that one installed distribution offers; the kinds of names; and what can be wrong with one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import attrs

CORE = "mxcore"
"""The distribution of the core, which offers commands."""

ALGORITHMS = ("optimizer", "initializer", "lr_scheduler")
"""The kinds that are algorithms."""

GROUPS: Mapping[str, str] = {
    kind: f"mxcore.{kind}s" for kind in (*ALGORITHMS, "backend", "kvstore", "namespace", "command", "hook")
}
"""The kinds of plugin, and the entry-point group of each."""

Status = Literal["ok", "blocked", "incompatible", "duplicate", "broken"]


class PluginError(Exception):
    """A plugin cannot be found or used; the message says why and what to do."""


class UnknownNameError(PluginError, ValueError):
    """No distribution, installed or known, offers the name."""


class NotInstalledError(PluginError, ValueError):
    """A known distribution offers the name, and is not installed."""


class BlockedPluginError(PluginError, ValueError):
    """The distribution that offers the name is switched off by an environment variable."""


class DuplicateNameError(PluginError, ValueError):
    """Several distributions offer the name, and none of them is preferred."""


class IncompatiblePluginError(PluginError, ImportError):
    """The plugin asks for another version of the core."""


class BrokenPluginError(PluginError, ImportError):
    """The plugin cannot be imported, or is not what its entry point says; ``cause`` is why, within the message."""

    cause: str


@attrs.frozen(slots=False)
class Record:
    """One name that one installed distribution offers.

    >>> import mxcore as mx
    >>> xavier = mx.catalogue.find("initializer", "xavier")
    >>> xavier.target, xavier.status
    ('mxcore_initializer_xavier:Xavier', 'ok')
    >>> xavier.class_name, xavier.qualified_name
    ('Xavier', 'mxcore-initializer-xavier:xavier')
    """

    kind: str
    name: str
    target: str
    """Where it is, as ``package:Class`` or ``package.module``."""
    distribution: str
    version: str
    summary: str
    status: Status = "ok"
    reason: str = ""
    """Why the status is not "ok"."""

    @property
    def class_name(self) -> str:
        """The last part of the target, such as ``Adam``."""
        return self.target.replace(":", ".").rpartition(".")[2]

    @property
    def qualified_name(self) -> str:
        """A name that is never ambiguous, such as ``mxcore-optimizer-adam:adam``."""
        return f"{self.distribution}:{self.name}"


def canonical(distribution: str) -> str:
    """A distribution's name as comparisons need it: in lower case, with one hyphen between its words.

    >>> import mxcore as mx
    >>> mx.catalogue.canonical("Mxcore_Optimizer.Adam")
    'mxcore-optimizer-adam'
    """
    from packaging.utils import canonicalize_name

    return canonicalize_name(distribution.strip())
