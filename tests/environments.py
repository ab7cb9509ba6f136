"""Real virtual environments, and what tests install in them."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PROGRAMS = "Scripts" if sys.platform == "win32" else "bin"
UV = os.environ.get("UV") or shutil.which("uv") or "uv"


# Only those of uv's variables that say where packages come from; others say where packages are installed.
SOURCES = (
    "CACHE|CONCURRENT|CONFIG|DEFAULT_INDEX|EXTRA_INDEX|FIND_LINKS|HTTP|INDEX|INSECURE|KEYRING|LINK_MODE|NATIVE_TLS|OFFLINE|"
    "PYTHON_DOWNLOADS|PYTHON_INSTALL|REQUEST|SSL|SYSTEM_CERTS"
)
LEFT_BEHIND = re.compile(rf"MXCORE|PYTHON|VIRTUAL_ENV|CONDA|PIP_(TARGET|PREFIX|USER|ROOT|PYTHON)|UV_(?!{SOURCES})")


def clean_environment(**variables: str) -> dict[str, str]:
    """Return the variables of this process, without those that refer to the user's environment."""
    inherited = {name: value for name, value in os.environ.items() if not LEFT_BEHIND.match(name)}
    return {**inherited, "COLUMNS": "500", **variables}


def uv(*arguments: str | Path, cwd: Path = ROOT, **variables: str) -> str:
    """Run uv, which installs only where the arguments and the folder say, and return its output."""
    command, environment = [UV, *map(str, arguments)], clean_environment(**variables)
    done = subprocess.run(command, capture_output=True, encoding="utf-8", check=False, cwd=cwd, env=environment)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def build_wheels(folder: Path) -> None:
    """Build a wheel of every distribution in the workspace, and of those for tests."""
    uv("build", "--all-packages", "--wheel", "--quiet", "--out-dir", folder)
    for project in sorted((ROOT / "tests/distributions").iterdir()):
        uv("build", project, "--wheel", "--quiet", "--out-dir", folder)


class Environment:
    """A virtual environment that contains only what a test installs."""

    def __init__(self, folder: Path, wheels: Path) -> None:
        self.folder, self.wheels = folder, wheels
        uv("venv", "--quiet", "--python", sys.executable, folder)

    def install(self, *distributions: str | Path) -> None:
        """Install from the wheels, ignoring requirements that they do not fulfil."""
        options = ["--no-deps"] if "from-the-future" in distributions else []
        uv("pip", "install", "-q", *options, "--python", self.folder, "--find-links", self.wheels, *distributions)

    def run(self, *command: str, cwd: Path = ROOT, **variables: str) -> tuple[int, str]:
        """Return the exit status and output of a command in the environment."""
        done = subprocess.run(
            [self.folder / PROGRAMS / command[0], *command[1:]],
            capture_output=True,
            encoding="utf-8",
            check=False,
            cwd=cwd,
            env=clean_environment(**variables),
        )
        return done.returncode, done.stdout + done.stderr

    def python(self, program: str, **variables: str) -> str:
        """Return the output of a program, including the last line of an exception."""
        guarded = f"import mxcore as mx\ntry:\n    {program}\nexcept Exception as e:\n    print(type(e).__name__, e)"
        status, printed = self.run("python", "-W", "error", "-c", guarded, **variables)
        assert status == 0, printed
        return printed.strip()
