"""A release: its order, the contents of its files, and that the workflows need no secret."""

import importlib
import re
import shutil
import tomllib
import zipfile
from pathlib import Path
from typing import Any

import pytest
import yaml
from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parent.parent
WORKFLOWS = sorted((ROOT / ".github/workflows").glob("*.yml"))


@pytest.fixture
def release(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(ROOT / "tools")
    return importlib.import_module("release")


def project(folder: Path) -> dict[str, Any]:
    return tomllib.loads((folder / "pyproject.toml").read_text("utf-8"))["project"]  # type: ignore[no-any-return]


def test_each_distribution_comes_after_what_it_requires(release: Any) -> None:
    folders = release.projects()
    names = release.order(folders)
    assert sorted(names) == sorted(folders)
    assert len(names) > 40
    assert names[0] == "mxcore"
    for name in names:
        required = {Requirement(text).name for text in project(folders[name])["dependencies"]} & set(names)
        assert all(names.index(one) < names.index(name) for one in required), name


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files of a distribution, as a release builds them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(ROOT / "tools")
        out = tmp_path_factory.mktemp("dist")
        importlib.import_module("release").build({"mxcore-optimizer-sgd": ROOT / "plugins/optimizers/sgd"}, out)
        return out


@pytest.mark.parametrize(
    ("left_out", "said"),
    [
        ("nothing", ""),
        ("licenses/LICENSE", "does not contain the licence"),
        ("py.typed", "is not marked as typed"),
        ("Project-URL: .*\n", "must have the URLs"),
        ("Description-Content-Type: .*\n", "has no description"),
    ],
)
def test_what_a_wheel_lacks_is_named(left_out: str, said: str, release: Any, built: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(built, tmp_path / "dist"))
    (wheel,) = folder.glob("*.whl")
    (original,) = built.glob("*.whl")
    with zipfile.ZipFile(original) as source, zipfile.ZipFile(wheel, "w") as target:
        for name in source.namelist():
            text = source.read(name).decode()
            if not name.endswith(left_out):
                target.writestr(name, re.sub(left_out, "", text) if name.endswith("METADATA") else text)
    found = list(release.problems("mxcore-optimizer-sgd", ROOT / "plugins/optimizers/sgd", folder))
    assert [said in one for one in found] == [True] * bool(said), found


def test_a_file_too_few_or_too_many_is_named(release: Any, built: Path, tmp_path: Path) -> None:
    name = "mxcore-optimizer-sgd"
    with pytest.raises(FileNotFoundError, match="must contain an sdist and a wheel of .*, but contains noth"):
        release.files_of(name, tmp_path)
    folder = Path(shutil.copytree(built, tmp_path / "dist"))
    shutil.copy(next(folder.glob("*.whl")), folder / "mxcore_optimizer_sgd-0.0.9-py3-none-any.whl")
    with pytest.raises(FileNotFoundError, match="0.0.9"):
        release.files_of(name, folder)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--tag", "v9.9"], "the tag is 'v9.9', but the version is"),
        (["--publish"], "--publish needs --out"),
        (["--only", "mxcore-optimizer-nothing"], "there is no distribution 'mxcore-optimizer-nothing'"),
    ],
)
def test_what_cannot_be_released_is_refused_before_anything_is_built(
    arguments: list[str], said: str, release: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stopped:
        release.main(arguments)
    assert said in f"{stopped.value}{capsys.readouterr().err}"


@pytest.mark.nightly
def test_a_release_short_of_publishing(release: Any) -> None:
    assert release.main([]) == 0


# --- the workflows ---------------------------------------------------------------------------------------------------


def steps(workflow: dict[str, Any]) -> list[dict[str, Any]]:
    return [step for job in workflow["jobs"].values() for step in job["steps"]]


@pytest.mark.parametrize("file", WORKFLOWS, ids=lambda file: file.stem)
def test_a_workflow_uses_major_versions_and_no_secret_and_may_write_nothing(file: Path) -> None:
    text = file.read_text("utf-8")
    workflow = yaml.safe_load(text)
    assert all(re.fullmatch(r"[\w/-]+@v\d+", step["uses"]) for step in steps(workflow) if "uses" in step)
    assert "secrets" not in text
    assert workflow["permissions"] == {"contents": "read"}
    for name, job in workflow["jobs"].items():
        assert "id-token" not in job.get("permissions", {}) or name in ("publish", "deploy")


def test_the_tests_run_on_three_systems_with_every_python_that_the_metadata_name() -> None:
    matrix = yaml.safe_load((ROOT / ".github/workflows/tests.yml").read_text("utf-8"))["jobs"]["test"]["strategy"][
        "matrix"
    ]
    named = re.findall(r"Python :: (3\.\d+)", "\n".join(project(ROOT)["classifiers"]))
    assert matrix == {"os": ["ubuntu-latest", "macos-latest", "windows-latest"], "python": named}
    (scaffolded,) = ROOT.glob("cookiecutter-template/*/.github/workflows/ci.yml")
    assert str(named).replace("'", '"') in scaffolded.read_text("utf-8")


def test_a_release_is_published_by_the_index_s_trust_after_it_was_built_and_tried() -> None:
    jobs = yaml.safe_load((ROOT / ".github/workflows/release.yml").read_text("utf-8"))["jobs"]
    assert set(jobs["publish"]["needs"]) == {"build", "try"}
    assert jobs["publish"]["environment"] == "release"
    assert jobs["publish"]["permissions"]["id-token"] == "write"
    assert 'tools/release.py --tag "$GITHUB_REF_NAME" --out dist' in jobs["build"]["steps"][2]["run"]
