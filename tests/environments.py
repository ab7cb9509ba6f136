"""Real environments, and what tests install there."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
UV = os.environ.get("UV") or shutil.which("uv") or "uv"


def clean_environment(**variables: str) -> dict[str, str]:
    """The variables of this process, but for those that would follow it into another environment."""
    ours = ("MXCORE", "PYTHON", "VIRTUAL_ENV")
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    return {**inherited, "COLUMNS": "500", **variables}


def uv(*arguments: str | Path, cwd: Path = ROOT) -> None:
    done = subprocess.run([UV, *map(str, arguments)], capture_output=True, text=True, check=False, cwd=cwd)
    assert done.returncode == 0, done.stderr


def build_wheels(folder: Path) -> None:
    """A wheel of every distribution of the workspace, and of those that tests are made of."""
    uv("build", "--all-packages", "--wheel", "--quiet", "--out-dir", folder)
    for project in sorted((ROOT / "tests/distributions").iterdir()):
        uv("build", project, "--wheel", "--quiet", "--out-dir", folder)


class Environment:
    """A virtual environment with nothing in it but what a test installs."""

    def __init__(self, folder: Path, wheels: Path) -> None:
        self.folder, self.wheels = folder, wheels
        uv("venv", "--quiet", folder)

    def install(self, *distributions: str | Path) -> None:
        """Install from the wheels; requirements of ours that these do not fulfil are not looked at."""
        options = ["--no-deps"] if "from-the-future" in distributions else []
        uv("pip", "install", "-q", *options, "--python", self.folder, "--find-links", self.wheels, *distributions)

    def run(self, *command: str, cwd: Path = ROOT, **variables: str) -> tuple[int, str]:
        """The exit status of a command of the environment, and what it printed."""
        done = subprocess.run(
            [self.folder / "bin" / command[0], *command[1:]],
            capture_output=True,
            text=True,
            check=False,
            cwd=cwd,
            env=clean_environment(**variables),
        )
        return done.returncode, done.stdout + done.stderr

    def python(self, program: str, **variables: str) -> str:
        """What a program printed; an exception's last line counts as printed."""
        guarded = f"import mxcore as mx\ntry:\n    {program}\nexcept Exception as e:\n    print(type(e).__name__, e)"
        status, printed = self.run("python", "-W", "error", "-c", guarded, **variables)
        assert status == 0, printed
        return printed.strip()
