"""Without a compiler, nothing is skipped: the tests fail, and say what to install."""

import os
import subprocess
import sys
from pathlib import Path


def test_a_missing_compiler_is_a_failure(tmp_path: Path) -> None:
    test = f"{Path(__file__).parent}/test_double.py::test_without_a_fault_it_runs"
    command = [sys.executable, "-m", "pytest", "-q", "-n0", "-p", "no:cacheprovider", test]
    environment = {**os.environ, "PATH": str(tmp_path)}  # where there is no g++
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    assert done.returncode == 1
    assert "install g++" in done.stdout
