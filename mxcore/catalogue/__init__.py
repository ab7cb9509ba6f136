"""The catalogue of installed plugins: algorithms, backends, commands and hooks that entry points offer.

Listing reads metadata and imports nothing; asking for a name imports only that plugin. A broken plugin affects only
its own name.

Environment variables, each a comma-separated list of distribution names:

* ``MXCORE_PLUGINS``: use only these; if empty, use none.
* ``MXCORE_BLOCK``: do not use these.
* ``MXCORE_PREFER``: if several distributions offer the same name, use the first one listed here.

``MXCORE_STRICT_PLUGINS=1`` raises at once what is otherwise an error only when you ask for the name (a duplicate, a
plugin for another version of the core) or only a warning (a hook that cannot be loaded).
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

# So that messages and documentation show the names that users import.
for _public in filter(inspect.isclass, map(globals().get, __all__)):
    _public.__module__ = __name__
