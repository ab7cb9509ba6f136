"""The project's location, and whether it is on an index: ``[tool.mxcore]`` of the root ``pyproject.toml``.

From this, ``sync.py`` writes everything that depends on it: the URLs in the metadata of every distribution, the
installation commands in README files, on the site and in error messages, and what ``mxcore new`` writes.
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

__all__ = ["ROOT", "Setting", "project", "version"]

ROOT = Path(__file__).resolve().parent.parent
_COMMANDS = {
    "everything": ("mxcore-all", "./plugins/all"),
    "the core and Adam": ("mxcore-optimizer-adam", "./plugins/optimizers/adam"),
    "on a GPU, CUDA 13": ("'mxcore[cupy13]'", "'.[cupy13]'"),
}
_WHEELS = """\
The packages are not on a public index yet. Build the wheels of mxcore in its checkout, and let uv find them:

```sh
uv build --all-packages --wheel --out-dir ~/wheels
export UV_FIND_LINKS=~/wheels
```

The workflow `ci.yml` takes the location of the wheels from the repository variable `UV_FIND_LINKS`.
"""


def version() -> str:
    """Return the version of the core."""
    found = re.search(r'^__version__ = "(.+)"$', (ROOT / "mxcore/version.py").read_text("utf-8"), re.MULTILINE)
    assert found, "mxcore/version.py has no version"
    return found[1]


def project(folder: Path) -> Any:
    """Return the table ``[project]`` of a distribution."""
    return tomllib.loads((folder / "pyproject.toml").read_text("utf-8"))["project"]


@dataclass(frozen=True)
class Setting:
    """The project's URLs, and whether ``pip install mxcore`` works.

    Args:
        site: the URL of the documentation, with a trailing slash.
        repository: the URL of the source.
        published: whether the distributions are on a public index.
    """

    site: str
    repository: str
    published: bool

    @classmethod
    def read(cls) -> Setting:
        """Read the setting of this tree."""
        return cls(**tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["mxcore"])

    @property
    def urls(self) -> dict[str, str]:
        """The ``[project.urls]`` of every distribution."""
        return {
            "Homepage": self.site,
            "Documentation": self.site,
            "Repository": self.repository,
            "Issues": f"{self.repository}/issues",
            "Changelog": f"{self.site}changelog.html",
        }

    def with_urls(self, text: str) -> str:
        """Return a ``pyproject.toml`` with the URLs, before the first table after ``[project]``."""
        lines = "".join(f'{name} = "{address}"\n' for name, address in self.urls.items())
        without = re.sub(r"\n\[project\.urls\]\n(?:[^\[\n].*\n)*", "", text, count=1)
        first = re.compile(r"\n(?=(?:#.*\n)*\[(?!build-system\]|project\]))")
        return first.sub(f"\n[project.urls]\n{lines}\n", without, count=1)

    def command(self, distribution: str, folder: str) -> str:
        """Return the command that installs a distribution, which is in quotes if it has an extra."""
        return f"pip install {distribution}" if self.published else f"uv pip install {folder}"

    def blocks(self, distribution: str, folder: str) -> dict[str, str]:
        """Return the text between marks in a page or a ``README.md``, by the name of the mark."""
        note = "" if self.published else "\nRun this in a checkout: it is not on a public index yet.\n"
        commands = {self.command(*places): what for what, places in _COMMANDS.items()}
        width = max(map(len, commands))
        lines = "".join(f"{command:{width}}   # {what}\n" for command, what in commands.items())
        where = "With" if self.published else "The packages are not on a public index yet. In a checkout, with"
        return {
            "install": f"```sh\n{self.command(distribution, folder)}\n```\n{note}",
            "installing": f"{where} Python 3.11 or newer:\n\n```sh\n{lines}```\n",
            "wheels": "" if self.published else _WHEELS,
        }
