"""Run a command in a network namespace that has nothing but a loopback device."""

import functools
import os
import shutil
import subprocess
from pathlib import Path

_INSIDE = 'ip link set lo up && exec "$@"'


@functools.cache
def why_not() -> str:
    """Return why no namespace can be made here; empty if one can."""
    if shutil.which("unshare") is None or shutil.which("ip") is None:
        return "needs Linux with unshare and ip"
    tried = subprocess.run(["unshare", "-rn", "sh", "-c", _INSIDE, "sh", "true"], capture_output=True, encoding="utf-8")
    return "" if tried.returncode == 0 else f"needs user namespaces: {tried.stderr.strip()}"


def run_in_namespace(command: list[str], env: dict[str, str], timeout: float) -> subprocess.CompletedProcess[str]:
    """Run a command in a new namespace, and end whatever it leaves there.

    Args:
        command: the command.
        env: variables to set beside those of this process.
        timeout: seconds after which it is ended.
    """
    # A namespace of processes, too: whatever is left ends with the first one.
    unshare = ["unshare", "--map-root-user", "--net", "--pid", "--fork", "--mount-proc", "--kill-child"]
    return subprocess.run(
        [*unshare, "sh", "-c", _INSIDE, "sh", *command],
        env={**os.environ, **env},
        timeout=timeout,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
    )


def interfaces() -> list[str]:
    """Return the network interfaces of this process's namespace."""
    return sorted(line.split(":")[0].strip() for line in Path("/proc/net/dev").read_text("ascii").splitlines()[2:])


def listening() -> list[str]:
    """Return the addresses, as hexadecimal numbers, on which processes of this namespace listen."""
    found = []
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        rows = [line.split() for line in Path(table).read_text("ascii").splitlines()[1:]]
        found += [address for _, address, _, state, *_ in rows if state == "0A"]
    return found


def is_loopback(address: str) -> bool:
    """Return whether an address that is listened on is 127.0.0.1, ::1, or the first as an IPv6 address."""
    host = address.partition(":")[0]
    return host in ("0100007F", "0000000000000000FFFF00000100007F", "00000000000000000000000001000000")
