"""A network namespace that has only ``lo``, for programs that listen on all interfaces."""

from __future__ import annotations

import functools
import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

_ENTER = """
ip link set lo up && mount -t tmpfs tmpfs /dev/shm || exit 97
[ "$(tail -n +3 /proc/net/dev | cut -d: -f1 | tr -d ' \\n')" = lo ] || exit 98
exec "$@"
"""
"""In new namespaces, start the interface, check that there is no other, and run a command.

They have shared memory of their own: its names come from process ids, which begin at 1 again, and what is killed leaves
it behind."""


@functools.cache
def fault() -> str | None:
    """Return why there can be no network namespace here, or None."""
    try:
        done = subprocess.run(_inside(["true"]), capture_output=True, encoding="utf-8", timeout=20, check=False)
    except OSError as error:
        return str(error)
    return None if done.returncode == 0 else f"unshare -rn ended with {done.returncode}: {done.stderr.strip()}"


def run_in_namespace(
    command: Sequence[str], env: Mapping[str, str], timeout: float
) -> subprocess.CompletedProcess[str]:
    """Run a command where no other machine can be reached, and none can reach it; skip the test if that is impossible.

    Args:
        command: the command and its arguments.
        env: additional environment variables.
        timeout: the seconds after which the command and all its children are killed.

    Raises:
        subprocess.TimeoutExpired: it took longer.
    """
    if reason := fault():
        pytest.skip(f"network namespaces of users are not available: {reason}")
    process = subprocess.Popen(
        _inside(command),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
        env={**os.environ, **env},
    )
    try:
        out, err = process.communicate(timeout=timeout)
    finally:
        if process.poll() is None:
            process.kill()
            process.communicate()
    assert process.returncode not in (97, 98), f"the namespace is not as it should be: {err}"
    return subprocess.CompletedProcess(command, process.returncode, out, err)


def _inside(command: Sequence[str]) -> list[str]:
    # The first process of a namespace of processes: when it is killed, so is everything that it has started.
    return ["unshare", "-rn", "--pid", "--fork", "--kill-child", "--mount-proc", "sh", "-c", _ENTER, "sh", *command]


# --- asked inside -----------------------------------------------------------------------------------------------------


def interfaces() -> list[str]:
    """Return the network interfaces of this process's namespace."""
    return sorted(line.split(":")[0].strip() for line in Path("/proc/net/dev").read_text("utf-8").splitlines()[2:])


def listening() -> list[str]:
    """Return the addresses, as hexadecimal numbers, on which processes of this namespace listen."""
    found = []
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        rows = [line.split() for line in Path(table).read_text("utf-8").splitlines()[1:]]
        found += [address for _, address, _, state, *_ in rows if state == "0A"]
    return found


def is_loopback(address: str) -> bool:
    """Return whether an address that is listened on is 127.0.0.1, ::1, or the first as an IPv6 address."""
    host = address.partition(":")[0]
    return host in ("0100007F", "0000000000000000FFFF00000100007F", "00000000000000000000000001000000")
