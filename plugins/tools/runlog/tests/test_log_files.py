"""Files of a log survive crashes, go on where they ended, and are refused if they are something else."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import mxcore as mx

SUFFIXES = pytest.mark.parametrize("suffix", ["csv", "jsonl"])


def run(path: Path | str, count: int, *, state: Any = None, numbers: bool = True) -> Any:
    """Make some updates, after loading a state if there is one; return the updater."""
    update, weight = mx.optimizer.get_updater(mx.optimizer.create("sgd", learning_rate=0.5)), np.ones(2)
    if state is not None:
        update.set_states(state)
    with mx.runlog.open(path, update) as log:
        for _ in range(count):
            if numbers:
                log.add(loss=float(count))
            update("w", np.ones(2), weight)
    return update


KILLED = """
import os, sys, numpy as np, mxcore as mx
update, weight = mx.optimizer.get_updater(mx.optimizer.create("sgd")), np.ones(3)
log = mx.runlog.open(sys.argv[1], update, parameters=True, columns=["grad_norm", "step_norm"])
number = 0
while True:
    number += 1
    log.add(loss=number / 7)
    update(["a", "b"], [np.full(3, float(number)), np.ones(3)], [weight, np.ones(3)])
    if number == 100:
        print("ready", flush=True)
"""


@SUFFIXES
def test_what_a_killed_process_has_logged_is_whole(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"run.{suffix}"
    with subprocess.Popen([sys.executable, "-c", KILLED, path], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        process.kill()
    rows = mx.runlog.read(path)
    overall = [row for row in rows if "parameter" not in row]
    assert [row["update"] for row in overall] == list(range(1, len(overall) + 1))
    assert len(overall) >= 100
    assert all(row["loss"] == row["update"] / 7 for row in overall)
    assert [row["grad_norm"] for row in rows if row.get("parameter") == "a"][:2] == [3**0.5, 12**0.5]


@SUFFIXES
@pytest.mark.parametrize("cut", [1, 5, 20])
def test_an_incomplete_last_line_is_removed_when_the_run_goes_on(suffix: str, cut: int, tmp_path: Path) -> None:
    path = tmp_path / f"run.{suffix}"
    state = run(path, 3).get_states()
    whole = path.read_bytes()
    path.write_bytes(whole[:-cut])
    assert [row["update"] for row in mx.runlog.read(path)] == [1, 2]
    with pytest.warns(UserWarning, match="removed the last line, which was incomplete"):
        run(path, 2, state=state)
    assert [row["update"] for row in mx.runlog.read(path)] == [1, 2, 4, 5]
    assert path.read_bytes().startswith(whole[: whole[:-1].rindex(b"\n") + 1])


@SUFFIXES
def test_a_crash_in_the_very_first_line_is_dealt_with(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"run.{suffix}"
    run(path, 1)
    first = path.read_bytes().split(b"\n")[0]
    for length in (1, 5, len(first)):
        path.write_bytes(first[:length] + b"\0" * (length == 5))
        with pytest.warns(UserWarning, match="removed the last line"):
            run(path, 1)
        assert [row["update"] for row in mx.runlog.read(path)] == [1]


@SUFFIXES
def test_a_run_that_resumes_replaces_what_it_repeats(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"run.{suffix}"
    state = run(path, 4).get_states()
    run(path, 6, state=state)
    run(path, 2, state=state)
    rows = mx.runlog.read(path)
    assert [(row["update"], row["loss"]) for row in rows] == [(1, 4), (2, 4), (3, 4), (4, 4), (5, 2), (6, 2)]
    assert len(path.read_text("utf-8").splitlines()) == 12 + (suffix == "csv")


@SUFFIXES
def test_a_file_may_be_started_anew(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"run.{suffix}"
    run(path, 4)
    kind = {"csv": mx.runlog.Csv, "jsonl": mx.runlog.JsonLines}[suffix]
    update = mx.optimizer.get_updater(mx.optimizer.create("sgd"))
    with mx.runlog.open(kind(path, append=False), update, columns=["wd"]):
        update("w", np.ones(1), np.ones(1))
    assert [(row["update"], set(row)) for row in mx.runlog.read(path)] == [(1, {"update", "time", "wd"})]


def test_a_header_is_written_once_and_holds_all_numbers(tmp_path: Path) -> None:
    path = tmp_path / "run.csv"
    update = mx.optimizer.get_updater(mx.optimizer.create("sgd"))
    for _ in range(2):
        with mx.runlog.open(mx.runlog.Csv(path, numbers=["loss", "accuracy"]), update, columns=["wd"]) as log:
            update("w", np.ones(1), np.ones(1))
            log.write(accuracy=0.5)
            with pytest.raises(ValueError, match=r"no column 'acuracy'.*numbers=\['loss', 'accuracy', 'acuracy'\]"):
                log.add(acuracy=0.5)
    assert path.read_text("utf-8").splitlines()[0] == "update,time,wd,loss,accuracy"
    assert path.read_text("utf-8").count("update") == 1
    assert [row.get("accuracy") for row in mx.runlog.read(path)] == [0.5, 0.5]


def test_without_a_list_the_first_row_determines_the_header(tmp_path: Path) -> None:
    path = tmp_path / "run.csv"
    run(path, 1)
    with (
        mx.runlog.open(path, mx.optimizer.get_updater(mx.optimizer.create("sgd"))) as log,
        pytest.raises(ValueError, match="has no column 'accuracy', and a header never changes"),
    ):
        log.write(accuracy=1.0)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("run.csv", "a,b\n1,2", "is not a log, whose first column is 'update': got 'a,b'"),
        ("run.csv", "a,b", "is not a log"),
        ("run.csv", "update,time\n1,2\n3,", "has the columns update,time, but this log has update,time,learning_rate"),
        ("run.jsonl", '{"text": "a"}\n{"text', "is not a log, with 'update' in an object on each line: got '{\"text"),
        ("run.jsonl", "[1]\n", "is not a log"),
        ("run.jsonl", "notes", "is not a log"),
    ],
)
def test_a_file_that_is_not_this_log_is_left_as_it_is(name: str, content: str, message: str, tmp_path: Path) -> None:
    path, other = tmp_path / name, tmp_path / "other.jsonl"
    path.write_text(content, "utf-8")
    with pytest.raises(ValueError, match=message.replace("[", r"\[")):
        run(path, 1)
    update = mx.optimizer.get_updater(mx.optimizer.create("sgd"))
    with pytest.raises(ValueError, match="log"):
        mx.runlog.open([other, path], update)
    assert path.read_text("utf-8") == content


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("run.csv", "update,loss\n1,0.5\n2,x\n3,0.5\n", "run.csv, line 3 is not a row of a log: got '2,x'"),
        ("run.csv", "update,loss\n1,0.5,3\n", "line 2 is not a row"),
        ("run.csv", "a,b\n", "is not a log"),
        ("run.jsonl", '{"update": 1}\n{"upd\n{"update": 3}\n', "line 2 is not an object with an integer 'update'"),
        ("run.jsonl", '{"update": "1"}\n', "line 1 is not an object with an integer 'update'"),
        ("run.txt", "", "must end in one of"),
    ],
)
def test_damage_elsewhere_is_an_error(name: str, content: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_text(content, "utf-8")
    with pytest.raises(ValueError, match=message):
        mx.runlog.read(path)


def test_names_of_all_kinds_are_read_back(tmp_path: Path) -> None:
    names = ['a,"b"', "größe", "1", "nan"]
    update = mx.optimizer.get_updater(mx.optimizer.create("sgd"))
    paths = [tmp_path / "run.csv", tmp_path / "run.jsonl"]
    with mx.runlog.open(paths, update, parameters=True):
        update(names, [np.ones(1) for _ in names], [np.ones(1) for _ in names])
    for path in paths:
        assert [row["parameter"] for row in mx.runlog.read(path)[1:]] == names
