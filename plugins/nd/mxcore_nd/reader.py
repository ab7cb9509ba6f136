"""Convert MXNet's files for the core, which reads them wherever it reads its own."""

from __future__ import annotations

import io
import logging
from typing import Any

from mxcore.state.packing import Packer
from mxcore.state.tensorfile import serialize
from mxcore_nd import files, pickles
from mxcore_nd.states import converted

__all__ = ["read"]

_logger = logging.getLogger(__name__)


def read(data: bytes, source: str, updater: Any = None) -> bytes | None:
    """Return the bytes of a file of mxcore with what a ``.params`` or ``.states`` file of MXNet has.

    >>> import numpy as np, mxcore as mx, os, tempfile
    >>> path = os.path.join(tempfile.mkdtemp(), "old-0010.params")
    >>> mx.nd.save(path, {"arg:fc_bias": mx.nd.ones(2)})
    >>> mx.state.load_arrays(path)
    ({'arg:fc_bias': array([1., 1.], dtype=float32)}, None)

    Args:
        data: the bytes of the file.
        source: the file, for messages.
        updater: the updater whose state is wanted; None if named arrays are.

    Returns:
        The bytes, or None if it is no file of MXNet.

    Raises:
        ValueError: it is one, but is damaged, does not fit the updater, or has something that is not read.
    """
    if files.is_list(data):
        if updater is not None:
            raise ValueError(f"{source} has arrays, not the state of an updater: read it with mx.nd.load")
        arrays, names = files.read(data, source)
        _logger.info("%s: read %d arrays in MXNet's format", source, len(arrays))
        return _written(dict(zip(names or map(str, range(len(arrays))), arrays, strict=True)))
    if not pickles.looks_like(data):
        return None
    if updater is None:
        raise ValueError(f"{source} has no named arrays: if it is the state of an updater, read it with mx.load_state")
    return converted(data, source, updater)


def _written(arrays: dict[str, Any]) -> bytes:
    packer, file = Packer(), io.BytesIO()
    entries = packer.pack_named(arrays)
    file.writelines(serialize(packer.arrays, {"arrays": entries, "metadata": None}))
    return file.getvalue()
