"""Fixtures of the core's tests."""

import contextlib
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from environments import build_wheels

import mxcore as mx

try:
    import fcntl
except ImportError:  # without locks, each worker builds its own wheels
    fcntl = None  # type: ignore[assignment]

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture
def run_python() -> Callable[..., str]:
    """Run a program in a fresh Python process, and return what it printed."""

    def run(program: str, *arguments: str, **environment: str) -> str:
        done = subprocess.run(
            [sys.executable, "-W", "error", "-c", program, *arguments],
            capture_output=True,
            encoding="utf-8",
            env={**os.environ, **environment},
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run


@pytest.fixture(scope="session")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a wheel of every distribution, built once for all workers of pytest."""
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if fcntl and "PYTEST_XDIST_WORKER" in os.environ else base) / "wheels"
    with folder.with_suffix(".lock").open("wb") as lock:
        if fcntl:
            fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.exists():
            build_wheels(made := folder.with_suffix(".unfinished"))
            made.rename(folder)
    return folder


@pytest.fixture
def hooks() -> Iterator[Callable[[object], None]]:
    """Register hook plugins for one test."""
    with contextlib.ExitStack() as stack:

        def register(plugin: object) -> None:
            mx.hooks.register(plugin)
            stack.callback(mx.hooks.unregister, plugin)

        yield register
