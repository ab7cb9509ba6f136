"""What is installed: the algorithms, backends, commands and hooks that distributions offer through entry points.

Listing reads metadata and imports nothing; asking for one name imports that one. A plugin that cannot be used breaks
only its own name.

Environment variables, each a comma-separated list of distribution names:

* ``MXCORE_PLUGINS``: only these are used; empty, none are.
* ``MXCORE_BLOCK``: these are not used.
* ``MXCORE_PREFER``: where several distributions offer one name, the first of these that does is used.

``MXCORE_STRICT_PLUGINS=1`` turns what is otherwise met only when a name is asked for (a duplicate, a plugin for
another version of the core), and what is otherwise a warning (a hook that cannot be loaded), into an error at once.
"""

from __future__ import annotations

import inspect

from mxcore.catalogue.faults import broken, fault
from mxcore.catalogue.finding import algorithms, find, find_all, is_imported, load, load_record
from mxcore.catalogue.published import how_to_install, install_command, known_names
from mxcore.catalogue.reading import prefer, records, refresh, strict, survey, unreadable
from mxcore.catalogue.record import (
    ALGORITHMS,
    GROUPS,
    BlockedPluginError,
    BrokenPluginError,
    DuplicateNameError,
    IncompatiblePluginError,
    NotInstalledError,
    PluginError,
    Record,
    UnknownNameError,
    canonical,
)

__all__ = [
    "ALGORITHMS", "GROUPS", "BlockedPluginError", "BrokenPluginError", "DuplicateNameError", "IncompatiblePluginError",
    "NotInstalledError", "PluginError", "Record", "UnknownNameError", "algorithms", "broken", "canonical", "fault",
    "find", "find_all", "how_to_install", "install_command", "is_imported", "known_names", "load", "load_record",
    "prefer", "records", "refresh", "strict", "survey", "unreadable",
]  # fmt: skip

# Messages and documentation name them by where users find them.
for _public in filter(inspect.isclass, map(globals().get, __all__)):
    _public.__module__ = __name__
