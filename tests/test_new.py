"""`mxcore new` and plain cookiecutter: what they write, ask, and refuse before writing anything."""

import itertools
import json
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import click
import pytest
from commands import Result, invoke
from cookiecutter.exceptions import FailedHookException
from cookiecutter.main import cookiecutter
from mxcore_new import command as new

from mxcore.commands import cli

ROOT = Path(__file__).resolve().parent.parent
TEMPLATE = ROOT / "cookiecutter-template"
QUESTIONS = json.loads((TEMPLATE / "cookiecutter.json").read_text("utf-8"))
KINDS, LICENSES, CI = (QUESTIONS[question] for question in ("kind", "license", "ci"))


def call(*arguments: str) -> Result:
    return invoke(cli.main, ["new", *arguments])


def scaffold(folder: Path, kind: str, name: str = "swift", **answers: str) -> Path:
    options = itertools.chain.from_iterable((f"--{question}", answer) for question, answer in answers.items())
    result = call(kind, name, "--out", str(folder), *options)
    assert result.exit_code == 0, result.output
    (project,) = folder.iterdir()
    return project


def contents(project: Path) -> dict[str, str]:
    files = (file for file in project.rglob("*") if file.is_file())
    return {file.relative_to(project).as_posix(): file.read_text("utf-8") for file in files}


def ruff(project: Path) -> None:
    for command in (["check"], ["format", "--check"]):
        done = subprocess.run(
            [sys.executable, "-m", "ruff", *command, "."],
            cwd=project,
            capture_output=True,
            encoding="utf-8",
            check=False,
        )
        assert done.returncode == 0, done.stdout


# --- what is written -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("kind", "license", "ci"), [*itertools.product(KINDS, LICENSES, CI)])
def test_the_exact_set_of_files(kind: str, license: str, ci: str, tmp_path: Path) -> None:
    project = scaffold(tmp_path, kind, license=license, ci=ci)
    package = f"mxcore_{kind}_swift"
    workflows = {".github/workflows/ci.yml", ".github/workflows/publish.yml"} if ci == "github" else set()
    assert project.name == package.replace("_", "-")
    files = contents(project)
    assert set(files) == workflows | {
        ".gitignore",
        "LICENSE",
        "README.md",
        "docs/conf.py",
        "docs/index.md",
        f"{package}/__init__.py",
        f"{package}/properties.json",
        f"{package}/py.typed",
        "pyproject.toml",
        "tests/test_conformance.py",
        "tests/test_swift.py",
    }
    assert not (project / ".github").exists() or workflows
    assert tomllib.loads(files["pyproject.toml"])["project"]["license"] == license
    assert {"Apache-2.0": "Apache License", "MIT": "MIT License", "BSD-3-Clause": "BSD 3"}[license] in files["LICENSE"]
    assert not [name for name, text in files.items() if "cookiecutter" in text or "{%" in text]


@pytest.mark.parametrize("kind", KINDS)
def test_numbered_marks_show_where_to_edit(kind: str, tmp_path: Path) -> None:
    files = contents(scaffold(tmp_path, kind))
    marks = [line.partition(":")[0] for text in files.values() for line in text.splitlines() if new.MARK in line]
    assert sorted(mark[mark.index("Edit") :] for mark in marks) == [f"Edit here ({i} of 7)" for i in range(1, 8)]


# What belongs only to the example: its hyper-parameters and slots, and default answers.
OF_THE_EXAMPLE = {"optimizer": "beta|nu|mean", "initializer": "gain|draws", "lr_scheduler": "hold"}
ENDS = {".py": r"\Z", ".md": r"^## |^```sh", ".toml": r"^$"}


@pytest.mark.parametrize("license", LICENSES)
@pytest.mark.parametrize("kind", KINDS)
def test_all_that_is_the_examples_is_marked(kind: str, license: str, tmp_path: Path) -> None:
    metadata = {"optimizer": "momentum|1810", "initializer": "LeCun|1706", "lr_scheduler": "square root|1706"}[kind]
    words = re.compile(rf"\b({OF_THE_EXAMPLE[kind]}|{metadata}|Your Name)\b")
    files = contents(scaffold(tmp_path, kind, license=license))
    assert "Your Name" not in files["LICENSE"]
    package = f"mxcore_{kind}_swift"
    # JSON has no comments: `mxcore check` says what properties.json must be.
    unmarkable = ("LICENSE", f"{package}/properties.json")
    found = {name for name, text in files.items() if name not in unmarkable and words.search(text)}
    assert found == {"README.md", "pyproject.toml", f"{package}/__init__.py", "tests/test_swift.py"}
    for name in found:
        end = ENDS[Path(name).suffix]
        unmarked = re.sub(rf"^.*Edit here \(.*?({end})", "", files[name], flags=re.MULTILINE | re.DOTALL)
        assert not words.search(unmarked), name


def test_the_class_may_have_a_name_of_its_own(tmp_path: Path) -> None:
    project = scaffold(tmp_path, "optimizer", "adam_x", **{"class": "AdamX"})
    (targets,) = tomllib.loads((project / "pyproject.toml").read_text("utf-8"))["project"]["entry-points"].values()
    assert targets == {"adam_x": "mxcore_optimizer_adam_x:AdamX"}
    assert not [name for name, text in contents(project).items() if "AdamX" not in text and "Adamx" in text]
    assert "class AdamX(mx.optimizer.Optimizer)" in (project / "mxcore_optimizer_adam_x/__init__.py").read_text("utf-8")


@pytest.mark.parametrize(
    ("kind", "cls", "where"),
    [
        ("optimizer", "Adam", "mxcore-optimizer-adam"),
        ("optimizer", "Updater", "mxcore"),
        ("lr_scheduler", "CosineScheduler", "mxcore-lr-scheduler-cosine"),
        ("initializer", "Initializer", "mxcore"),
    ],
)
def test_a_class_that_is_there_already_is_refused(kind: str, cls: str, where: str, tmp_path: Path) -> None:
    result = call(kind, "swift", "--class", cls, "--out", str(tmp_path))
    assert result.exit_code == 2
    assert f"the class '{cls}' already exists, in {where}: choose another one with --class" in result.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("kind", KINDS)
def test_plain_cookiecutter_writes_the_same(kind: str, tmp_path: Path) -> None:
    ours = scaffold(tmp_path / "ours", kind)
    theirs = cookiecutter(
        str(TEMPLATE), no_input=True, extra_context={"kind": kind}, output_dir=tmp_path, default_config=True
    )
    assert contents(ours) == contents(Path(theirs))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", ["a", "global", "my_adam_2", "x" * 30])
def test_every_name_that_is_accepted_gives_tidy_code(kind: str, name: str, tmp_path: Path) -> None:
    project = scaffold(tmp_path, kind, name)
    (targets,) = tomllib.loads((project / "pyproject.toml").read_text("utf-8"))["project"]["entry-points"].values()
    package, _, cls = targets[name].partition(":")
    assert f"\nclass {cls}(" in (project / package / "__init__.py").read_text("utf-8")
    ruff(project)


def test_what_is_answered_stands_where_it_belongs(tmp_path: Path) -> None:
    answers = {
        "summary": "Müller's 2nd – “robust” & <fast> method: 100 %",
        "author": "Zoë O'Brien & Söhne",
        "paper": "https://example.org/a_b?c=1&d=(2)",
    }
    project = scaffold(tmp_path, "optimizer", license="MIT", **answers)
    metadata = tomllib.loads((project / "pyproject.toml").read_text("utf-8"))["project"]
    assert metadata["description"] == f"{answers['summary']}, for mxcore"
    assert metadata["authors"] == [{"name": answers["author"]}]
    assert answers["author"] in (project / "LICENSE").read_text("utf-8")
    for file in ("README.md", "mxcore_optimizer_swift/__init__.py"):
        text = (project / file).read_text("utf-8")
        assert answers["summary"] in text
        assert answers["paper"] in text
    ruff(project)


def test_it_says_what_to_do_next(tmp_path: Path) -> None:
    printed = call("optimizer", "swift", "--out", str(tmp_path)).stdout
    project = tmp_path / "mxcore-optimizer-swift"
    marked = [line.strip().rpartition(":") for line in printed.splitlines() if re.fullmatch(r"  \S+:\d+", line)]
    assert len(marked) == 7
    for file, _, number in marked:
        assert new.MARK in (project / file).read_text("utf-8").splitlines()[int(number) - 1]
    for command in (f"cd {project}", "uv run pytest", "export UV_FIND_LINKS="):
        assert f"  {command}" in printed


# --- what is asked ---------------------------------------------------------------------------------------------------


def test_on_a_terminal_it_asks_for_what_was_not_given_and_asks_again(tmp_path: Path) -> None:
    ours, theirs = pytest.importorskip("pty", reason="there are no pseudo-terminals").openpty()
    command = [
        sys.executable,
        "-c",
        "from mxcore.commands.cli import main; main()",
        "new",
        "optimizer",
        "--ci",
        "none",
        "--out",
        str(tmp_path),
    ]
    typed = "Swift!\nswift\n\n\nhttps://example.org\nAda Lovelace\nMIT\n"
    with subprocess.Popen(command, stdin=theirs, stdout=subprocess.PIPE, encoding="utf-8") as process:
        os.close(theirs)
        os.write(ours, typed.encode())
        os.write(ours, b"\x04")  # end of input: an additional question fails instead of waiting
        printed, _ = process.communicate(timeout=60)
    os.close(ours)
    assert process.returncode == 0
    assert "such as swift or my_adam, got 'Swift!'" in printed
    assert "Its class, as in mxcore.optimizer.Swift [Swift]" in printed
    assert "What it does, in one line [Quasi-hyperbolic momentum]" in printed
    assert "The CI service" not in printed
    files = contents(tmp_path / "mxcore-optimizer-swift")
    assert "Ada Lovelace" in files["LICENSE"]
    assert "https://example.org" in files["README.md"]


# --- what is refused -------------------------------------------------------------------------------------------------

REFUSED = [
    ("name", "Swift", "lower-case letters"),
    ("name", "2swift", "start with a letter"),
    ("name", "my-adam", "such as swift or my_adam, got 'my-adam'"),
    ("name", "my__adam", "single underscores"),
    ("name", "none", "not be a Python keyword"),
    ("name", "x" * 31, "at most 30"),
    ("name", "../evil", "since it names a module"),
    ("class", "swift", "start with a capital letter"),
    ("class", "Swift_2", "such as Swift or AdamW, got 'Swift_2'"),
    ("class", "None", "not be a Python keyword"),
    ("summary", "ends.", "not end with a full stop"),
    ("summary", 'Says "hello"', "without quotes"),
    ("summary", "Evil {{ 7 * 7 }}", "braces"),
    ("summary", "Two\nlines", "one line"),
    ("paper", "arxiv 1810.06801", "such as https://arxiv.org/abs/1810.06801"),
    ("author", "C:\\Ada", "without quotes, backslashes"),
    ("author", "", "such as Ada Lovelace, got ''"),
]


@pytest.mark.parametrize(("question", "answer", "reason"), REFUSED)
def test_what_would_not_work_is_refused_with_a_reason_and_an_example(
    question: str, answer: str, reason: str, tmp_path: Path
) -> None:
    out = ("--out", str(tmp_path))
    result = call("optimizer", answer, *out) if question == "name" else call(
        "optimizer", "swift", *out, f"--{question}", answer
    )  # fmt: skip
    assert result.exit_code == 2
    assert reason in result.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("question", "answer", "reason"), [row for row in REFUSED if "{{" not in row[1]])
def test_plain_cookiecutter_refuses_the_same(
    question: str, answer: str, reason: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(FailedHookException):
        cookiecutter(
            str(TEMPLATE),
            no_input=True,
            extra_context={question: answer},
            output_dir=tmp_path / "out",
            default_config=True,
        )
    assert f"{question} must be" in (said := capfd.readouterr().err)
    assert reason in said
    assert contents(tmp_path / "out") == {}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["optimizer"], "missing KIND or NAME, as in: mxcore new optimizer swift"),
        (["optimiser", "swift"], "'optimiser' is not one of 'optimizer', 'initializer', 'lr_scheduler'"),
        (["optimizer", "swift", "--license", "GPL"], "'GPL' is not one of 'Apache-2.0', 'MIT', 'BSD-3-Clause'"),
        (["optimizer", "adam"], "the optimizer 'adam' already exists, in mxcore-optimizer-adam: choose another"),
        (["initializer", "zeros"], "the initializer 'zeros' already exists, in mxcore-initializer-zero"),
    ],
)
def test_bad_usage_is_refused(arguments: list[str], message: str, tmp_path: Path) -> None:
    result = call(*arguments, "--out", str(tmp_path))
    assert result.exit_code == 2
    assert message in result.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_project_that_is_there_stays_as_it_is(tmp_path: Path) -> None:
    before = contents(scaffold(tmp_path, "optimizer"))
    again = call("optimizer", "swift", "--out", str(tmp_path), "--license", "MIT")
    assert again.exit_code == 2
    assert "mxcore-optimizer-swift' already exists: move it" in again.stderr
    assert contents(tmp_path / "mxcore-optimizer-swift") == before


def test_a_folder_that_cannot_be_made_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    result = call("optimizer", "swift", "--out", str(tmp_path / "file" / "below"))
    assert result.exit_code == 2
    assert "cannot write to" in result.stderr


@pytest.mark.parametrize("place", ["{}/plugins/tools/new/mxcore_new/command.py", "/nowhere/mxcore_new/command.py"])
def test_the_template_must_be_somewhere(place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(new, "__file__", place.format(tmp_path))
    with pytest.raises(click.ClickException, match="the template is not at"):
        new.template()
