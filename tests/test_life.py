"""The whole life of a project from `mxcore new`: created offline from the core's wheel, tested, built and used.

A normal run has one project of each kind, covering every licence and CI; the nightly run has all combinations.
"""

import itertools
import json
import sys
from pathlib import Path

import pytest
from environments import ROOT, Environment
from environments import uv as run_uv

QUESTIONS = json.loads((ROOT / "cookiecutter-template/cookiecutter.json").read_text("utf-8"))
KINDS, LICENSES, CI = (QUESTIONS[question] for question in ("kind", "license", "ci"))
SAMPLE = {*zip(KINDS, LICENSES, itertools.cycle(CI), strict=False)}
EVERY = [*itertools.product(KINDS, LICENSES, CI)]


@pytest.fixture(scope="module")
def author(wheels: Path, tmp_path_factory: pytest.TempPathFactory) -> Environment:
    """An environment with the core's wheel and what `mxcore new` needs, outside any checkout."""
    environment = Environment(tmp_path_factory.mktemp("author") / "env", wheels)
    environment.install("mxcore[new]")
    return environment


def made(author: Environment, folder: Path, kind: str, license: str, ci: str) -> Path:
    options = ("--license", license, "--ci", ci, "--author", "Ada Lovelace")
    status, printed = author.run("mxcore", "new", kind, "swift", *options, cwd=folder)
    assert status == 0, printed
    return folder / f"mxcore-{kind.replace('_', '-')}-swift"


def uv(project: Path, wheels: Path, *arguments: str) -> str:
    """Run uv like an author who has built mxcore's wheels, and return the output."""
    return run_uv(*arguments, cwd=project, UV_FIND_LINKS=str(wheels))


@pytest.mark.parametrize(
    ("kind", "license", "ci"),
    [pytest.param(*one, marks=[] if one in SAMPLE else pytest.mark.nightly) for one in EVERY],
)
def test_a_project_works_from_its_first_minute_to_its_first_user(
    kind: str, license: str, ci: str, author: Environment, wheels: Path, tmp_path: Path
) -> None:
    project = made(author, tmp_path, kind, license, ci)
    assert " passed" in (tested := uv(project, wheels, "run", "--python", sys.executable, "pytest", "-q"))
    assert not {"failed", "skipped", "xfailed", "error"} & set(tested.split())
    uv(project, wheels, "run", "ruff", "check", ".")
    uv(project, wheels, "run", "ruff", "format", "--check", ".")
    assert "no issues found in 3 source files" in uv(project, wheels, "run", "mypy", "--strict")
    uv(project, wheels, "build", "--wheel")
    (wheel,) = (project / "dist").glob("*.whl")

    bare = Environment(tmp_path / "bare", wheels)
    bare.install(str(wheel))
    listed = json.loads(bare.run("mxcore", "list", kind, "--json")[1])
    assert [(one["name"], one["kind"], one["status"]) for one in listed] == [("swift", kind, "ok")]
    status, printed = bare.run("mxcore", "check", "swift", project.name)
    assert status == 0, printed
    assert "broken" not in printed
    status, printed = bare.run("mxcore", "doctor")
    assert status == 0, printed

    bare.install("mxcore-module")
    options = (f"--{kind.replace('_', '-')}", "swift", "--seed", "1", "--epochs", "3", "--out", str(tmp_path / "out"))
    status, printed = bare.run("mxcore", "train", *options)
    assert status == 0, printed
    assert "swift" in printed


def test_a_usual_run_has_every_kind_licence_and_ci() -> None:
    assert [set(column) for column in zip(*SAMPLE, strict=True)] == [set(KINDS), set(LICENSES), set(CI)]
