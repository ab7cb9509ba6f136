"""Sites to look at: this project's, built once with the command that everybody uses, and small ones."""

from collections.abc import Callable
from pathlib import Path

import pytest
from sites import ROOT, Site, built


def pytest_xdist_auto_num_workers() -> int:
    """One process, so that the site is built once."""
    return 0


@pytest.fixture(scope="session")
def site() -> Site:
    """The site of this project."""
    return built(ROOT / "docs", ROOT / "docs/_build/html")


@pytest.fixture
def small_site(tmp_path: Path) -> Callable[..., Site]:
    """Build a site from the text of its pages by name; ``path`` is where plugins are installed beside the others."""

    def build(path: Path | None = None, conf: str = "", **pages: str) -> Site:
        source = tmp_path / "source"
        source.mkdir(exist_ok=True)
        extensions = '["mxcore_sphinx", "myst_parser"]'
        (source / "conf.py").write_text(
            f"project = 'small'\nextensions = {extensions}\nhtml_theme = 'basic'\n{conf}\n", encoding="utf-8"
        )
        for name, text in pages.items():
            (source / f"{name}.md").write_text(text, "utf-8")
        return built(source, tmp_path / "html", path=path)

    return build
