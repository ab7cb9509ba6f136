"""Sites to look at: this project's, built once with the command that everybody uses, and small ones."""

import functools
from collections.abc import Callable
from pathlib import Path

import pytest
from sites import ROOT, Site, built, small


def pytest_xdist_auto_num_workers() -> int:
    """One process, so that the site is built once."""
    return 0


@pytest.fixture(scope="session")
def site() -> Site:
    """The site of this project."""
    return built(ROOT / "docs", ROOT / "docs/_build/html")


@pytest.fixture
def small_site(tmp_path: Path) -> Callable[..., Site]:
    """A function that builds a small site."""
    return functools.partial(small, tmp_path)
