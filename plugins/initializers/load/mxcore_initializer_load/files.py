"""Named arrays from files, or from a dict."""

import io
import json
import math
import os
import re
import zipfile
from collections.abc import Mapping
from typing import Any, cast

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError, deserialize

from mxcore.backend import backend_of
from mxcore.initializer import is_from_file
from mxcore.state.atomic import open_regular
from mxcore.state.tensorfile import load_arrays

__all__ = ["Arrays", "arrays"]

Host = npt.NDArray[Any]

_MOST_PACKED = 1032  # the highest compression ratio of deflate
_MXNETS_OWN = (0x112).to_bytes(8, "little")  # the first bytes of a .params file, or a header's length


class Arrays(dict[str, Host]):
    """Host arrays by parameter name, and the path of the file that they come from, empty for a dict."""

    path: str = ""

    def __repr__(self) -> str:
        return repr(self.path) if self.path else f"{{{', '.join(f'{name!r}: …' for name in self)}}}"


def arrays(given: Any) -> Arrays:
    """Return the arrays of a dict or file, by name without ``arg:`` and ``aux:``.

    Raises:
        OSError: the file cannot be opened.
        ValueError: the arguments are invalid, or the file is damaged or has another format.
    """
    if isinstance(given, Mapping):
        return _checked(given, "param", "")
    if not isinstance(given, (str, os.PathLike)):
        raise ValueError(f"param must be the path of a file or a dict of arrays, got {given!r}")
    path = str(os.fspath(given))
    if is_from_file():
        raise ValueError(
            f"an initializer that a file names may not read another file, {path!r:.200}: create the Load yourself"
        )
    with open_regular(path) as file:
        data = file.read()
    if data.startswith(_MXNETS_OWN) and data[8:9] != b"{":
        return _checked(load_arrays(path)[0], path, path)
    return _checked(_from_npz(data, path) if data[:2] == b"PK" else _from_safetensors(data, path), path, path)


def _checked(named: Mapping[str, Any], source: str, path: str) -> Arrays:
    checked = Arrays()
    checked.path = path
    for full_name, value in named.items():
        name = re.sub("^(arg|aux):", "", full_name)
        if name in checked:
            raise ValueError(f"{source} has both arg:{name} and aux:{name}, or {name}: these are the same name")
        checked[name] = _numbers(value, f"{full_name!r} of {source}")
    return checked


def _numbers(value: Any, label: str) -> Host:
    is_array = hasattr(value, "dtype") and not isinstance(value, np.generic)
    array = backend_of(value).to_host(value) if is_array else np.asarray(value)
    if array.dtype.kind not in "fiub" and array.dtype.name != "bfloat16":
        hint = ": this is how NumPy writes bfloat16, use mxcore.state.save_arrays" if array.dtype == "V2" else ""
        raise ValueError(f"{label} is not an array of numbers, its dtype is {array.dtype}{hint}")
    return array


def _from_npz(data: bytes, path: str) -> dict[str, Host]:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            for member in archive.infolist():
                _check_size(member, archive)
        with np.load(io.BytesIO(data), allow_pickle=False) as file:
            return dict(file)
    except Exception as error:  # zipfile and NumPy raise a dozen kinds of errors for damaged files
        raise ValueError(f"{path} is not an npz file of plain arrays, or it is damaged ({error})") from error


def _check_size(member: zipfile.ZipInfo, archive: zipfile.ZipFile) -> None:
    """Check that a member has the length of its array, and is no longer than its compressed size allows.

    Raises:
        ValueError: it is not.
    """
    if member.file_size > _MOST_PACKED * member.compress_size + 1024:
        raise ValueError(f"{member.filename!r} claims {member.file_size} bytes, compressed {member.compress_size}")
    with archive.open(member) as file:
        version = np.lib.format.read_magic(file)
        read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        shape, _, dtype = read(file)
        needed = file.tell() + math.prod(map(int, shape)) * dtype.itemsize
        if not dtype.hasobject and needed != member.file_size:
            raise ValueError(f"{member.filename!r} has {member.file_size} bytes, but its array needs {needed}")


def _from_safetensors(data: bytes, path: str) -> dict[str, Host]:
    try:
        tensors = cast("Any", deserialize)(data)  # not annotated
    except SafetensorError as error:
        raise ValueError(f"{path} is neither a safetensors nor an npz file, or it is damaged ({error})") from error
    header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
    if "mxcore" in (header.get("__metadata__") or {}):
        return load_arrays(path)[0]  # its manifest has the dtype and memory order
    return {name: _tensor(tensor, f"{name!r} of {path}") for name, tensor in tensors}


def _tensor(tensor: Mapping[str, Any], label: str) -> Host:
    """Return the array of a tensor in a foreign file; bfloat16 becomes float32, which is exact."""
    kind = tensor["dtype"]
    if kind == "BF16":
        upper = np.frombuffer(tensor["data"], "<u2").astype(np.uint32)
        return (upper << 16).view(np.float32).reshape(tensor["shape"])
    if kind != "BOOL" and not re.fullmatch("[FIU](8|16|32|64)", kind):
        raise ValueError(f"{label} has dtype {kind}, which NumPy does not support")
    dtype = "?" if kind == "BOOL" else f"<{kind[0].lower()}{int(kind[1:]) // 8}"
    return np.frombuffer(tensor["data"], dtype).reshape(tensor["shape"])
