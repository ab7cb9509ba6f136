"""The project's URLs, and whether it is on an index, are in one place, from which they reach all others."""

import importlib
import json
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from cookiecutter.main import cookiecutter

import mxcore as mx
from mxcore.catalogue import published

ROOT = Path(__file__).resolve().parent.parent
TEMPLATE = str(ROOT / "cookiecutter-template")
NOT_YET = re.compile(r"not on a\s+public\s+index|UV_FIND_LINKS|in a checkout of mxcore")
ON_AN_INDEX = re.compile(r"(?<!uv )pip install '?mxcore")
OTHER = {"site": "https://docs.elsewhere.example/", "repository": "https://code.elsewhere.example/mxcore"}


@pytest.fixture(scope="module")
def files() -> Iterator[dict[bool, dict[Path, str]]]:
    """The derived files, before it is on an index and after, at other URLs."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(ROOT / "tools")
        sync, setting = importlib.import_module("sync"), importlib.import_module("setting").Setting
        patch.setattr(sync, "stubs", dict)  # they do not depend on the setting, and are slow
        yield {ready: sync.wanted(setting(**OTHER, published=ready)) for ready in (False, True)}


@pytest.fixture
def on_an_index(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(published._ours(), "published", True)


def test_every_distribution_says_where_the_project_lives(files: dict[bool, dict[Path, str]]) -> None:
    made = files[True]
    projects = {file for file in made if file.name == "pyproject.toml"}
    assert projects == {ROOT / "pyproject.toml", *ROOT.glob("plugins/**/pyproject.toml")}
    urls = [tomllib.loads(made[file])["project"]["urls"] for file in projects]
    assert {address for one in urls for address in one.values()} == {
        OTHER["site"],
        OTHER["repository"],
        f"{OTHER['repository']}/issues",
        f"{OTHER['site']}changelog.html",
    }
    assert all(one == urls[0] for one in urls)


def test_one_flag_changes_how_to_install_wherever_it_is_said(files: dict[bool, dict[Path, str]]) -> None:
    before, after = files[False], files[True]
    pages = {file for file in before if before[file] != after[file] and file.suffix == ".md"}
    assert {file.relative_to(ROOT).as_posix() for file in pages if "plugins" not in file.parts} == {
        "README.md",
        "docs/guides/publishing.md",
    }
    assert {file.parent for file in pages if "plugins" in file.parts} == {
        file.parent for file in ROOT.glob("plugins/**/pyproject.toml")
    }
    for file in pages:
        assert NOT_YET.search(before[file]), file
        assert not ON_AN_INDEX.search(before[file]), file
        assert not NOT_YET.search(after[file]), file
    assert json.loads(after[ROOT / "mxcore/builtins.json"])["published"] is True
    assert json.loads(after[ROOT / "cookiecutter-template/cookiecutter.json"])["_published"] is True


@pytest.mark.skipif(mx.catalogue.install_command("mxcore") == "pip install mxcore", reason="it is on an index")
def test_nothing_written_by_hand_says_that_it_is_on_an_index() -> None:
    """Installation commands use the setting; tests and the tools that write them are excluded."""
    texts = [file for where in ("", "docs/**/", "plugins/**/") for file in ROOT.glob(f"{where}*.md")]
    texts += [*ROOT.glob("mxcore/**/*.py"), *ROOT.glob("plugins/**/mxcore_*/**/*.py")]
    assert len(texts) > 200
    assert [file for file in texts if ON_AN_INDEX.search(file.read_text("utf-8"))] == []


@pytest.mark.parametrize("ready", [False, True])
def test_a_scaffolded_project_knows_whether_mxcore_is_on_an_index(ready: bool, tmp_path: Path) -> None:
    context = {"_published": ready, "paper": "https://elsewhere.example/paper"}
    project = Path(cookiecutter(TEMPLATE, no_input=True, extra_context=context, output_dir=str(tmp_path)))
    texts = {file: file.read_text("utf-8") for file in project.rglob("*") if file.is_file()}
    assert any(NOT_YET.search(text) for text in texts.values()) is not ready
    assert ("pip install mxcore-optimizer-swift\n" in texts[project / "README.md"]) is ready
    metadata = tomllib.loads(texts[project / "pyproject.toml"])["project"]
    assert metadata["urls"] == {"Paper": "https://elsewhere.example/paper"}


def test_errors_name_what_can_be_typed_before_it_is_on_an_index(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(published._ours(), "published", False)
    where = "in a checkout of mxcore (it is not on a public index yet)"
    for distribution, typed in {
        "mxcore": "uv pip install .",
        "mxcore[jit]": "uv pip install '.[jit]'",
        "mxcore-optimizer-adam": "uv pip install ./plugins/optimizers/adam",
        "mxcore-bench": "uv pip install ./plugins/tools/bench",
    }.items():
        assert mx.catalogue.how_to_install(distribution) == f"{typed} {where}"
        folder = re.sub(r"\[.*|'", "", typed.rpartition(" ")[2])
        assert (ROOT / folder / "pyproject.toml").exists()
    assert mx.catalogue.how_to_install("from-the-future", "--upgrade") == "pip install --upgrade from-the-future"


def test_errors_name_what_can_be_typed_once_it_is(on_an_index: None) -> None:
    for distribution in ("mxcore", "mxcore-optimizer-adam", "somebody-elses"):
        assert mx.catalogue.how_to_install(distribution) == f"pip install {distribution}"
    assert mx.catalogue.how_to_install("mxcore[jit]", "--upgrade") == "pip install --upgrade 'mxcore[jit]'"
    adam = mx.catalogue.find("optimizer", "adam")
    said = str(mx.catalogue.broken(adam, OSError("gone")))
    assert "Try: pip install --force-reinstall mxcore-optimizer-adam;" in said
