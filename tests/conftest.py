"""What the tests of the core share."""

import contextlib
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import mxcore as mx

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture
def run_python() -> Callable[..., str]:
    """Run a program in a fresh Python process, and return what it printed."""

    def run(program: str, *arguments: str, **environment: str) -> str:
        done = subprocess.run(
            [sys.executable, "-W", "error", "-c", program, *arguments],
            capture_output=True,
            text=True,
            env={**os.environ, **environment},
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run


@pytest.fixture
def hooks() -> Iterator[Callable[[object], None]]:
    """Register hook plugins for one test."""
    with contextlib.ExitStack() as stack:

        def register(plugin: object) -> None:
            mx.hooks.register(plugin)
            stack.callback(mx.hooks.unregister, plugin)

        yield register
