"""Sites that tests build and inspect, and the distributions that these document."""

import gc
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from commands import invoke

from mxcore.commands import cli

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
            gc.freeze()  # or each collection goes through all pages that are kept
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


def small(folder: Path, path: Path | None = None, conf: str = "", **pages: str) -> Site:
    """Build a site in a folder from the text of its pages by name; ``path`` is where further plugins are installed."""
    source = folder / "source"
    for name, text in pages.items():
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        (source / f"{name}.md").write_text(text, "utf-8")
    settings = "project = 'small'\nextensions = ['mxcore_sphinx', 'myst_parser']\nhtml_theme = 'basic'\n"
    (source / "conf.py").write_text(f"{settings}{conf}\n", encoding="utf-8")
    return built(source, folder / "html", path=path)


def browsed(url: str, *options: str) -> str:
    """Return the document that a headless browser makes of a page; without a browser, the test is skipped."""
    browser = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if browser is None:
        pytest.skip("there is no browser: apt-get install chromium")
    command = [browser, "--headless", "--no-sandbox", "--disable-gpu", "--dump-dom", *options, url]
    return subprocess.run(command, capture_output=True, encoding="utf-8", check=True, timeout=300).stdout


def plugin(folder: Path, distribution: str, name: str, code: str, requires: str = "mxcore") -> None:
    """A distribution with one optimizer, the last class of its code, installed in a folder."""
    module = distribution.replace("-", "_")
    (folder / f"{module}.py").write_text(code, encoding="utf-8")
    info = folder / f"{module}-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.0\nSummary: of {module}\nRequires-Dist: {requires}\n",
        encoding="utf-8",
    )
    cls = ["Swift", *re.findall(r"^class (\w+)", code, re.MULTILINE)][-1]
    (info / "entry_points.txt").write_text(f"[mxcore.optimizers]\n{name} = {module}:{cls}\n", encoding="utf-8")


def scaffold(folder: Path, kind: str) -> Path:
    """A new project of that kind."""
    result = invoke(cli.main, ["new", kind, "swift", "--out", folder])
    assert result.exit_code == 0, result.output
    return folder / f"mxcore-{kind.replace('_', '-')}-swift"


def install(project: Path, folder: Path) -> None:
    subprocess.run(["uv", "pip", "install", "-q", "--no-deps", "--target", str(folder), str(project)], check=True)
