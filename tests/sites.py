"""Sites that tests build and inspect."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent


class Site:
    """The HTML of a site, and the output of its build."""

    def __init__(self, folder: Path, printed: str) -> None:
        self.folder, self.printed = folder, printed
        self._pages: dict[str, Any] = {}

    def names(self) -> list[str]:
        """Return every page."""
        return sorted(file.relative_to(self.folder).as_posix() for file in self.folder.rglob("*.html"))

    def page(self, name: str) -> Any:
        """One page, by its path."""
        from bs4 import BeautifulSoup  # of the group docs

        if name not in self._pages:
            self._pages[name] = BeautifulSoup((self.folder / name).read_text("utf-8"), "html.parser")
        return self._pages[name]

    def text(self, name: str) -> str:
        """Return the text of a page, without menus."""
        article = self.page(name).find("article")
        assert article is not None
        return " ".join(article.get_text(" ").split())


def sphinx(source: Path, target: Path, *options: str, path: Path | None = None) -> tuple[int, str]:
    """Build a site in another process, and return the exit status and output."""
    environment = {**os.environ, "PYTHONPATH": str(path or "")}
    command = [sys.executable, "-m", "sphinx", "-W", "--keep-going", "-n", *options, str(source), str(target)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, encoding="utf-8", check=False, env=environment)
    return done.returncode, done.stdout + done.stderr


def built(source: Path, target: Path, *options: str, path: Path | None = None) -> Site:
    """Build a site, which must not give a warning."""
    status, printed = sphinx(source, target, *options, path=path)
    assert status == 0, printed
    return Site(target, printed)
