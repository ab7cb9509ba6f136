"""Files of MXNet's arrays: every version is read, damaged ones are refused, and what is written is MXNet's form."""

import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st
from mxcore_nd.command import convert
from mxcore_nd.files import read

import mxcore as mx

MATRIX = np.arange(6, dtype=np.float32).reshape(2, 3)
DEVICE = struct.pack("<ii", 1, 0)


def array(version: int | None, values: Any = MATRIX, flag: int = 0, stype: int = 0) -> bytes:
    """Return an array as a version of MXNet writes it, put together from the description of the format."""
    sizes = values.shape
    if version is None:  # before 0.11: sizes of 32 bits
        head = struct.pack(f"<I{len(sizes)}I", len(sizes), *sizes)
    elif version == 1:
        head = struct.pack(f"<Ii{len(sizes)}q", 0xF993FAC8, len(sizes), *sizes)
    else:
        head = struct.pack(f"<Iii{len(sizes)}q", 0xF993FAC7 + version, stype, len(sizes), *sizes)
    return head + DEVICE + struct.pack("<i", flag) + values.tobytes()


def file(*arrays: bytes, names: tuple[str, ...] = ()) -> bytes:
    tail = b"".join(struct.pack("<Q", len(one.encode())) + one.encode() for one in names)
    return struct.pack("<QQQ", 0x112, 0, len(arrays)) + b"".join(arrays) + struct.pack("<Q", len(names)) + tail


@pytest.mark.parametrize("version", [None, 1, 2, 3])
def test_every_version_is_read(version: int | None) -> None:
    found = mx.nd.load_frombuffer(file(array(version), array(version, MATRIX[0]), names=("arg:w", "aux:é")))
    assert list(found) == ["arg:w", "aux:é"]
    assert (found["arg:w"].asnumpy() == MATRIX).all()
    assert (found["aux:é"].asnumpy() == MATRIX[0]).all()
    assert isinstance(found["arg:w"], mx.nd.NDArray)
    assert isinstance(mx.nd.load_frombuffer(file(array(version))), list)


def test_scalars_and_arrays_without_a_shape() -> None:
    none = struct.pack("<Iii", 0xF993FAC9, 0, 0)
    scalar = array(3, np.float32(7).reshape(()))
    arrays, _ = read(file(none, scalar, array(2)), "it")
    assert [one.shape for one in arrays] == [(0,), (), (2, 3)]
    assert arrays[1] == 7


@pytest.mark.parametrize(("flag", "dtype"), list(enumerate(
    ("f4", "f8", "f2", "u1", "i4", "i1", "i8", "?", "i2", "u2", "u4", "u8")
)))  # fmt: skip
def test_every_dtype_is_read_and_written(flag: int, dtype: str, tmp_path: Path) -> None:
    values = np.array([0, 1, 1]).astype(dtype)
    content = file(array(2, values, flag), names=("x",))
    found = mx.nd.load_frombuffer(content)["x"].asnumpy()
    assert found.dtype == values.dtype
    assert (found == values).all()
    mx.nd.save(tmp_path / "x.params", {"x": mx.nd.wrap(values)})
    assert (tmp_path / "x.params").read_bytes() == content


def test_bfloat16_becomes_float32() -> None:
    bits = (np.array([1.5, -2], np.float32).view(np.uint32) >> 16).astype(np.uint16)
    assert mx.nd.load_frombuffer(file(array(2, bits, 12)))[0].asnumpy().tolist() == [1.5, -2]


def test_lists_single_arrays_and_dicts_come_back(tmp_path: Path) -> None:
    path = tmp_path / "a.params"
    mx.nd.save(path, [mx.nd.ones(2), MATRIX.T])
    assert [one.shape for one in mx.nd.load(path)] == [(2,), (3, 2)]
    assert (mx.nd.load(path)[1].asnumpy() == MATRIX.T).all()
    mx.nd.save(path, mx.nd.ones(2))
    assert len(mx.nd.load(path)) == 1
    mx.nd.save(path, {})
    assert mx.nd.load(path) == []
    with pytest.raises(TypeError, match="complex64"):
        mx.nd.save(path, np.ones(1, np.complex64))
    with pytest.raises(TypeError, match="strings"):
        mx.nd.save(path, {1: MATRIX})
    assert mx.nd.load(path) == []


@pytest.mark.parametrize(("content", "why"), [
    (b"", "8 bytes"), (struct.pack("<QQQ", 0x113, 0, 0), "0x112"), (struct.pack("<QQQ", 0x112, 0, 2**60), "too many"),
    (file(array(2))[:-9], "bytes are expected"), (file(array(2)) + b"x", "behind the end"),
    (file(array(2, flag=99)), "dtype"), (file(array(2, stype=1)), "sparse"),
    (file(array(2), array(2), names=("a", "a")), "twice"), (file(array(2), array(2), names=("a",)), "1 names"),
    (file(struct.pack("<Iii2q", 0xF993FAC9, 0, 2, 2**40, 2**40) + DEVICE + bytes(4)), "bytes are expected"),
    (file(struct.pack("<Iii1q", 0xF993FAC9, 0, 1, -1) + DEVICE + bytes(4)), "shape"),
    (file(struct.pack("<Iii", 0xF993FAC9, 0, 77)), "77 dimensions"),
])  # fmt: skip
def test_what_is_no_such_file_is_refused(content: bytes, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        mx.nd.load_frombuffer(content)


@given(st.data())
@settings(max_examples=300, deadline=None)
def test_damage_is_a_value_error_or_changes_only_values(data: Any) -> None:
    content = bytearray(file(array(None), array(1), array(2), array(3), names=("a", "b", "c", "d")))
    for _ in range(data.draw(st.integers(1, 3))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(content)))
    for damaged in (content, content[:cut]):
        try:
            found, _ = read(bytes(damaged), "it")
        except ValueError:
            continue
        assert all(one.nbytes <= len(content) * 2 for one in found)


def test_the_command_converts_both_ways(tmp_path: Path) -> None:
    old, new, again = (str(tmp_path / name) for name in ("old-0010.params", "new.safetensors", "again.params"))
    mx.nd.save(old, {"arg:fc_weight": MATRIX, "aux:mean": MATRIX[0]})
    for pair in ((old, new), (new, again)):
        result = CliRunner().invoke(convert, pair)
        assert result.exit_code == 0, result.output
        assert "2 arrays" in result.output
    assert (mx.state.load_arrays(new)[0]["arg:fc_weight"] == MATRIX).all()
    assert (mx.nd.load(again)["aux:mean"].asnumpy() == MATRIX[0]).all()
    Path(old).write_bytes(b"nothing")
    assert CliRunner().invoke(convert, (old, new)).exit_code != 0
    assert CliRunner().invoke(convert, (new, new)).exit_code != 0
    Path(tmp_path / "old.states").write_bytes(b"")
    assert "needs no conversion" in CliRunner().invoke(convert, (str(tmp_path / "old.states"), new)).output
    assert (mx.state.load_arrays(new)[0]["arg:fc_weight"] == MATRIX).all()
