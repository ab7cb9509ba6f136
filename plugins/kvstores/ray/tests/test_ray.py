"""The stores on Ray. Each module of `inside` runs in a namespace of its own, with a Ray of its own."""

import os
import sys
import tempfile
from pathlib import Path

import pytest
from namespaces import run_in_namespace

HERE = Path(__file__).parent
SHARED = Path(sys.modules["namespaces"].__file__ or "").parent
RUN = [sys.executable, "-m", "pytest", "-q", "-o", "addopts=--import-mode=importlib", "-o", "filterwarnings="]


def run(module: str, tmp_path: Path, timeout: float = 300.0, **env: str) -> None:
    with tempfile.TemporaryDirectory(prefix="r") as sockets:  # the path of a socket has at most 107 characters
        env |= {"HOME": str(tmp_path), "RAY_TMPDIR": sockets, "RAY_USAGE_STATS_ENABLED": "0"}
        env |= {"PYTHONPATH": f"{SHARED}:{HERE / 'inside'}", "INSIDE": "1"}
        env |= {"RAY_ENABLE_UV_RUN_RUNTIME_ENV": "0", "PYTHONUNBUFFERED": "1"}
        for name in [name for name in os.environ if name.startswith("MXCORE_")]:
            env.setdefault(name, "")
        done = run_in_namespace([*RUN, str(HERE / "inside" / f"{module}.py")], env, timeout)
    print(done.stdout, done.stderr)  # noqa: T201  # shown if it fails
    assert done.returncode == 0


@pytest.mark.bits
def test_bits(tmp_path: Path) -> None:
    run("bits", tmp_path)


@pytest.mark.kill
def test_kills(tmp_path: Path) -> None:
    run("kills", tmp_path)


@pytest.mark.kill
@pytest.mark.nightly
def test_twenty_kills(tmp_path: Path) -> None:
    run("kills", tmp_path, timeout=3600.0, KILLS=os.environ.get("KILLS", "20"))


def test_behaviour(tmp_path: Path) -> None:
    run("behaviour", tmp_path)


def test_launching(tmp_path: Path) -> None:
    run("launching", tmp_path)
