"""Tests install only into their own environments, regardless of the user's variables."""

import re
import sys
from pathlib import Path

import pytest
from environments import PROGRAMS, ROOT, Environment, clean_environment, uv

NOT_OURS = {
    "UV_PROJECT_ENVIRONMENT": "the folder",
    "UV_PROJECT": "the folder",
    "UV_PYTHON": "the folder",
    "UV_NO_SYNC": "1",
    "UV_FROZEN": "1",
    "UV_SYSTEM_PYTHON": "1",
    "UV_WORKING_DIR": "the folder",
    "PIP_TARGET": "the folder",
    "VIRTUAL_ENV": "the folder",
    "CONDA_PREFIX": "the folder",
}
PROJECT = """\
[project]
name = "nothing"
version = "1"
requires-python = ">=3.11"
"""


@pytest.fixture
def users(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user's environment, to which all possible variables refer."""
    folder = tmp_path / "users"
    folder.mkdir()
    for name, value in NOT_OURS.items():
        monkeypatch.setenv(name, str(folder) if value == "the folder" else value)
    return folder


def test_nothing_is_installed_where_the_users_variables_say(users: Path, tmp_path: Path) -> None:
    project = tmp_path / "project"
    project.mkdir()
    (project / "pyproject.toml").write_text(PROJECT, encoding="utf-8")
    uv("sync", "--offline", "--python", sys.executable, cwd=project)
    assert (project / ".venv" / PROGRAMS / "python").exists()
    own = Environment(tmp_path / "own", tmp_path)
    assert own.run("python", "-c", "import sys; print(sys.prefix)") == (0, f"{tmp_path / 'own'}\n")
    assert list(users.iterdir()) == []


def test_where_packages_come_from_is_the_users_choice(users: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sources = {
        "UV_CACHE_DIR": "a",
        "UV_INDEX_URL": "b",
        "UV_DEFAULT_INDEX": "c",
        "UV_OFFLINE": "1",
        "PIP_INDEX_URL": "d",
    }
    for name, value in sources.items():
        monkeypatch.setenv(name, value)
    assert clean_environment().items() >= sources.items()
    assert not NOT_OURS.keys() & clean_environment().keys()


def test_an_environment_of_a_test_has_the_python_that_runs_it(tmp_path: Path) -> None:
    own = Environment(tmp_path / "own", tmp_path)
    assert own.run("python", "-c", "import sys; print(*sys.version_info[:2])")[1].split() == [
        str(number) for number in sys.version_info[:2]
    ]


def test_no_test_calls_an_installer_in_another_way() -> None:
    files = [
        file for folder in ("tests", "plugins") for file in (ROOT / folder).rglob("*.py") if file.parent.name != "site"
    ]
    installer = re.compile(r"""\[\s*(f?["'](uv|pip|uvx)["']|UV)\b|["']-m["'],\s*["']pip["']|os\.system""")
    named = [file.name for file in files if installer.search(file.read_text("utf-8"))]
    assert set(named) <= {"environments.py", Path(__file__).name}
