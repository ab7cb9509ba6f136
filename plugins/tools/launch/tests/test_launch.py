"""``mxcore launch`` as a process: ranks, output, failures, restarts and interrupts."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

LAUNCH = [sys.executable, "-m", "mxcore", "launch", "--store", "none"]
TELL = """
import os, sys
print("worker", os.environ["MXCORE_RANK"], "of", os.environ["MXCORE_NUM_WORKERS"], sys.argv[1:])
print("job", os.environ["MXCORE_JOB"], file=sys.stderr)
"""


def launched(*arguments: str, program: str = "", **options: Any) -> subprocess.CompletedProcess[str]:
    command = [*LAUNCH, *arguments, sys.executable, "-c", program]
    return subprocess.run(command, capture_output=True, encoding="utf-8", timeout=60, check=False, **options)


def test_each_worker_knows_its_rank_and_lines_say_whose_they_are() -> None:
    done = subprocess.run(
        [*LAUNCH, "-n", "3", sys.executable, "-c", TELL, "-n", "5"],
        capture_output=True, encoding="utf-8", timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0
    assert sorted(done.stdout.splitlines()) == [f"[{rank}] worker {rank} of 3 ['-n', '5']" for rank in range(3)]
    jobs = {line.split(" ", 1)[1] for line in done.stderr.splitlines()}
    assert len(jobs) == 1


def test_if_one_fails_the_others_are_ended_and_its_status_counts() -> None:
    began = time.monotonic()
    done = launched("-n", "3", program="import os, time; time.sleep(100 * (os.environ['MXCORE_RANK'] != '1')); exit(7)")
    assert time.monotonic() - began < 30
    assert done.returncode == 7
    assert "mxcore launch: worker 1 ended with status 7: the others are ended" in done.stderr


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="a process cannot ignore that it is ended")
def test_a_worker_that_ignores_the_request_is_ended_by_force(tmp_path: Path) -> None:
    stubborn = """
import os, signal, sys, time
if os.environ["MXCORE_RANK"] == "0":
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    open(sys.argv[1], "w").write(str(os.getpid()))
    time.sleep(100)
while not os.path.exists(sys.argv[1]) or not open(sys.argv[1]).read():
    time.sleep(0.01)
os.kill(os.getpid(), signal.SIGKILL)
"""
    done = subprocess.run(
        [*LAUNCH, "-n", "2", sys.executable, "-c", stubborn, str(tmp_path / "pid")],
        capture_output=True, encoding="utf-8", timeout=60, check=False,
    )  # fmt: skip
    pid = int((tmp_path / "pid").read_text("utf-8"))
    assert done.returncode == 128 + signal.SIGKILL
    assert "worker 1 ended with signal SIGKILL" in done.stderr
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_a_worker_that_fails_is_started_again_as_often_as_asked(tmp_path: Path) -> None:
    failing = "import pathlib, sys; p = pathlib.Path('tries'); n = p.exists() and int(p.read_text()) or 0; "
    failing += "p.write_text(str(n + 1)); sys.exit(n < 2)"
    done = launched("-n", "1", "--restarts", "2", program=failing, cwd=tmp_path)
    assert done.returncode == 0
    assert done.stderr.count("worker 0 ended with status 1: it is started again") == 2
    (tmp_path / "tries").unlink()
    assert launched("-n", "1", "--restarts", "1", program=failing, cwd=tmp_path).returncode == 1


@pytest.mark.skipif(not hasattr(os, "killpg"), reason="there are no process groups to interrupt")
def test_an_interrupt_ends_all() -> None:
    waiting = "import time; print('here', flush=True); time.sleep(100)"
    command = [*LAUNCH, "-n", "2", sys.executable, "-c", waiting]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True, encoding="utf-8"
    )
    assert process.stdout is not None
    assert {process.stdout.readline() for _ in range(2)} == {"[0] here\n", "[1] here\n"}
    os.killpg(process.pid, signal.SIGINT)
    process.communicate(timeout=30)
    assert process.returncode != 0
    with pytest.raises(ProcessLookupError):
        os.killpg(process.pid, 0)


def test_what_is_missing_is_said() -> None:
    command = [sys.executable, "-m", "mxcore", "launch"]
    for arguments, words in (
        (["-n", "0", "x"], "0 is not in the range"),
        (["x"], "Missing option '-n'"),
        (["-n", "1", "--store", "no_such", "x"], "cannot find kvstore 'no_such'"),
    ):
        done = subprocess.run([*command, *arguments], capture_output=True, encoding="utf-8", timeout=60, check=False)
        assert done.returncode == 2
        assert words in done.stderr
        assert "Traceback" not in done.stderr
