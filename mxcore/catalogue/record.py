"""The record of a name that an installed distribution offers, the kinds of plugins, and the errors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

import attrs

CORE = "mxcore"
"""The distribution of the core, which offers commands of its own."""

ALGORITHMS = ("optimizer", "initializer", "lr_scheduler")
"""The kinds that are algorithms."""

GROUPS: Mapping[str, str] = {
    kind: f"mxcore.{kind}s" for kind in (*ALGORITHMS, "backend", "kvstore", "namespace", "command", "hook", "reader")
}
"""The kinds of plugin, and the entry-point group of each."""

Status = Literal["ok", "blocked", "incompatible", "duplicate", "broken"]


class PluginError(Exception):
    """A plugin cannot be found or used; the message says why and what to do."""


class UnknownNameError(PluginError, ValueError):
    """No installed or known distribution offers the name."""


class NotInstalledError(PluginError, ValueError):
    """A known distribution offers the name, but is not installed."""


class BlockedPluginError(PluginError, ValueError):
    """The distribution that offers the name is switched off by an environment variable."""


class DuplicateNameError(PluginError, ValueError):
    """Several distributions offer the name, and none is preferred."""


class IncompatiblePluginError(PluginError, ImportError):
    """The plugin requires another version of the core."""


class BrokenPluginError(PluginError, ImportError):
    """The plugin cannot be imported, or is not what its entry point promises; ``cause`` is the reason."""

    cause: str


@attrs.frozen(slots=False)
class Record:
    """A name that an installed distribution offers.

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
    """The import path, as ``package:Class`` or ``package.module``."""
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


def main_name(class_name: str, names: Sequence[str]) -> str:
    """Return the one of several names of a class that is spelt like the class; the others are aliases.

    >>> from mxcore.catalogue.record import main_name
    >>> main_name("XavierNormal", ["glorot_normal", "xavier_normal", "xaviernormal"])
    'xaviernormal'
    >>> main_name("CosineScheduler", ["cos", "cosine"])
    'cosine'
    """
    own = class_name.lower()
    return next((name for name in (own, own.removesuffix("scheduler")) if name in names), names[0])


def canonical(distribution: str) -> str:
    """Return the normalised name of a distribution: in lower case, with a single hyphen between words.

    >>> import mxcore as mx
    >>> mx.catalogue.canonical("Mxcore_Optimizer.Adam")
    'mxcore-optimizer-adam'
    """
    from packaging.utils import canonicalize_name

    return canonicalize_name(distribution.strip())
