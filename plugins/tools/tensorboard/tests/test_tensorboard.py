"""Event files hold the rows of a log, as readers that know nothing of the writer find them."""

import struct
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import mxcore as mx


def crc32c(data: bytes) -> int:
    """The checksum of RFC 3720, bit by bit."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


def masked(data: bytes) -> int:
    crc = crc32c(data)
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


def records(data: bytes) -> Iterator[bytes]:
    """Yield the whole records of a TFRecord file: length, its checksum, content, its checksum."""
    while len(data) >= 12:
        length, check = struct.unpack("<QI", data[:12])
        assert masked(data[:8]) == check
        if len(data) < 16 + length:
            return
        content = data[12 : 12 + length]
        assert struct.unpack("<I", data[12 + length : 16 + length]) == (masked(content),)
        yield content
        data = data[16 + length :]


def varint(data: bytes) -> tuple[int, bytes]:
    value = 0
    for at, byte in enumerate(data):
        value |= (byte & 0x7F) << 7 * at
        if not byte & 0x80:
            return value, data[at + 1 :]
    raise AssertionError("a varint has no end")


def fields(data: bytes) -> Iterator[tuple[int, Any]]:
    """Yield number and value of the fields of a protobuf message."""
    while data:
        key, data = varint(data)
        if key & 7 == 0:
            value: Any
            value, data = varint(data)
        elif key & 7 == 2:
            length, data = varint(data)
            value, data = data[:length], data[length:]
        else:
            size, form = {1: (8, "<d"), 5: (4, "<f")}[key & 7]
            (value,), data = struct.unpack(form, data[:size]), data[size:]
        yield key >> 3, value


def scalars(folder: Path) -> list[tuple[int, str, float]]:
    """Return (step, tag, value) of every scalar. In event.proto, 2 is the step and 5 the summary."""
    found = []
    for file in sorted(folder.iterdir(), key=lambda file: (file.stat().st_mtime_ns, file.name)):
        for event in map(dict, map(fields, records(file.read_bytes()))):
            for _, value in fields(event.get(5, b"")):
                parts = dict(fields(value))
                found.append((event[2], parts[1].decode(), parts[2]))
    return found


def trained(folder: Path, count: int = 3, *, state: Any = None, **arguments: Any) -> Any:
    update, weights = mx.optimizer.get_updater(mx.optimizer.create("sgd", learning_rate=0.5)), [np.ones(2), np.ones(1)]
    if state is not None:
        update.set_states(state)
    with mx.runlog.open([mx.tensorboard(folder), folder.with_suffix(".jsonl")], update, **arguments) as log:
        for number in range(count):
            log.add(loss=number / 3)
            update(["fc_weight", "fc_bias"], [np.full(2, 0.1), np.full(1, 0.2)], weights)
        log.write(accuracy=0.75)
    return update


def of_rows(folder: Path) -> list[tuple[int, str, float]]:
    """Return what must be in the event files, from the file of JSON lines that was written with them."""
    return [
        (row["update"], name + (f"/{row['parameter']}" if "parameter" in row else ""), float(np.float32(value)))
        for row in mx.runlog.read(folder.with_suffix(".jsonl"))
        for name, value in row.items()
        if name not in ("update", "time", "parameter")
    ]


def test_the_scalars_are_the_rows(tmp_path: Path) -> None:
    trained(tmp_path / "run", parameters=True)
    found = scalars(tmp_path / "run")
    assert sorted(found) == sorted(of_rows(tmp_path / "run"))
    assert {tag for _, tag, _ in found} >= {"loss", "accuracy", "learning_rate", "grad_norm/fc_weight"}
    assert len(found) == 3 * (5 + 2 * 4) + 1


def test_several_updaters_have_tags_of_their_own(tmp_path: Path) -> None:
    update = mx.optimizer.get_updater(mx.optimizer.create("sgd"))
    with mx.runlog.open(mx.tensorboard(tmp_path), {"critic": update}, columns=["grad_norm"], parameters=True):
        update("w", np.array([3.0, 4.0]), np.ones(2))
    assert scalars(tmp_path) == [(1, "critic/grad_norm", 5.0), (1, "critic/grad_norm/w", 5.0)]


KILLED = """
import sys, numpy as np, mxcore as mx
update, weight = mx.optimizer.get_updater(mx.optimizer.create("sgd")), np.ones(3)
log = mx.runlog.open(mx.tensorboard(sys.argv[1]), update, columns=["grad_norm"])
for number in range(1, 10**9):
    update("w", np.full(3, float(number)), weight)
    if number == 20:
        print("ready", flush=True)
"""


def test_what_a_killed_process_has_logged_is_there(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", KILLED, tmp_path], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        process.kill()
    found = scalars(tmp_path)
    assert [step for step, _, _ in found] == list(range(1, len(found) + 1))
    assert len(found) >= 19  # the first of 20 rows waits for the second update, and no other for anything
    assert [value for *_, value in found] == [float(np.float32(3**0.5 * step)) for step, *_ in found]


def test_the_folder_is_created_once_something_is_logged(tmp_path: Path) -> None:
    writer = mx.tensorboard(tmp_path / "runs/a")
    assert repr(writer) == f"TensorBoard({str(tmp_path / 'runs/a')!r})"
    assert not (tmp_path / "runs").exists()
    (tmp_path / "taken").write_text("", "utf-8")
    update = mx.optimizer.get_updater(mx.optimizer.create("sgd"))
    before = mx.hooks.manager().get_plugins()
    with pytest.raises(FileExistsError):
        mx.runlog.open(mx.tensorboard(tmp_path / "taken"), update)
    assert mx.hooks.manager().get_plugins() == before


def test_each_file_begins_a_session_at_its_first_update(tmp_path: Path) -> None:
    state = trained(tmp_path / "run", 4).get_states()
    trained(tmp_path / "run", 2, state=state)
    begun = set()
    for file in (tmp_path / "run").iterdir():
        version, start, *_ = map(dict, map(fields, records(file.read_bytes())))
        assert version[3] == b"brain.Event:2"
        assert dict(fields(start[7])) == {
            1: 1
        }  # session_log with the status START, by which TensorBoard hides earlier ones
        begun.add(start[2])
    assert begun == {1, 5}


def test_tensorboard_itself_shows_the_rows_and_hides_what_a_resumed_run_repeats(tmp_path: Path) -> None:
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    state = trained(tmp_path / "run", 4).get_states()
    trained(tmp_path / "run", 6, state=state)
    trained(tmp_path / "run", 3, state=state)
    reader = accumulator.EventAccumulator(str(tmp_path / "run"), purge_orphaned_data=True)
    reader.Reload()
    found = [(one.step, tag, one.value) for tag in reader.Tags()["scalars"] for one in reader.Scalars(tag)]
    assert max(step for step, *_ in found) == 7
    assert sorted(found) == sorted(of_rows(tmp_path / "run"))
