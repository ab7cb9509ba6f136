"""The command ``mxcore new``: scaffold a plugin from this package's cookiecutter template.

The questions, the possible answers and their rules are in the template's ``cookiecutter.json``, which this command and
plain cookiecutter share.
"""

from __future__ import annotations

import functools
import importlib
import json
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from mxcore import catalogue
from mxcore.commands.options import RefusedError

__all__ = ["new", "template"]

MARK = "Edit here ("


def template() -> Path:
    """Return the template's folder: in the package, or in a checkout next to the plugins."""
    package = Path(__file__).parent
    folders = [package, *list(package.parents)[3:4]]  # an installation close to the root has no such parent
    places = [folder / "cookiecutter-template" for folder in folders]
    for place in places:
        if (place / "cookiecutter.json").is_file():
            return place
    raise RefusedError(f"the template is not at {' or '.join(map(str, places))}: reinstall mxcore-new")


@functools.cache
def _questions() -> Any:
    return json.loads((template() / "cookiecutter.json").read_text("utf-8"))


class _Text(click.ParamType):  # type: ignore[type-arg]  # generic in newer clicks only
    """A string that meets one of the template's rules."""

    name = "text"

    def __init__(self, pattern: str, requirement: str, example: str) -> None:
        self.pattern, self.requirement, self.example = pattern, requirement, example

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the string."""
        if not re.fullmatch(self.pattern, value):
            self.fail(f"it {self.requirement}: such as {self.example}, got {value!r}", param, ctx)
        return str(value)


def _type(question: str) -> Any:
    choices = _questions()[question]
    if isinstance(choices, list):
        return click.Choice(choices)
    return _Text(*_questions()["_rules"][question])


def _parameters() -> list[click.Parameter]:
    """Return an option for every question except the two that are arguments."""
    texts = _questions()["__prompts__"]
    options = [
        click.Option([f"--{question}"], type=_type(question), help=f"{text}.", metavar=_metavar(question))
        for question, text in texts.items()
        if question not in ("kind", "name")
    ]
    return [
        click.Argument(["kind"], type=_type("kind"), required=False),
        click.Argument(["name"], type=_type("name"), required=False),
        *options,
        click.Option(
            ["--out"],
            type=click.Path(file_okay=False, path_type=Path),
            default=".",
            show_default=True,
            help="The folder in which to create the project.",
        ),
    ]


def _metavar(question: str) -> str | None:
    return None if isinstance(_questions()[question], list) else question.upper()


@click.command(params=_parameters())
def new(out: Path, **answers: str | None) -> None:
    """Scaffold an optimizer, initializer or scheduler called NAME.

    The result is a complete project with tests, documentation and CI. KIND is optimizer, initializer or lr_scheduler.
    It works as it is: "Edit here" marks what you should replace: the algorithm, its tests, the example and the author.
    On a terminal, you are asked for missing options; otherwise, they take the defaults of the template.
    """
    given = {question: answer for question, answer in answers.items() if answer is not None}
    if sys.stdin.isatty():
        _ask(given)
    elif not {"kind", "name"} <= set(given):
        raise click.UsageError("missing KIND or NAME, as in: mxcore new optimizer swift")
    complete = _complete(given)
    _check_free(complete["kind"], complete["name"], complete["class"])
    click.echo(_next_steps(_generate(complete, out)))


def _ask(given: dict[str, str]) -> None:
    """Ask for missing answers, and ask again if an answer is invalid."""
    for question, text in _questions()["__prompts__"].items():
        if question not in given:
            default = _complete(given)[question]
            given[question] = click.prompt(text, default=default, type=_type(question))


def _complete(given: Mapping[str, str]) -> dict[str, Any]:
    """Return the answers, with defaults for missing ones, and what is derived from them."""
    from cookiecutter.generate import generate_context
    from cookiecutter.prompt import prompt_for_config

    context = generate_context(str(template() / "cookiecutter.json"), extra_context=dict(given))
    return dict(prompt_for_config(context, no_input=True))


def _check_free(kind: str, name: str, class_name: str) -> None:
    """Refuse a name that another distribution or the core uses: with both installed, it would be ambiguous."""
    records = catalogue.records(kind)
    installed = {word.lower(): record.distribution for record in records for word in (record.name, record.class_name)}
    own = dict.fromkeys(map(str.lower, importlib.import_module(f"mxcore.{kind}").__all__), "mxcore")
    taken = {**catalogue.known_names(kind), **installed}
    if name in taken:
        raise click.UsageError(f"the {kind} {name!r} already exists, in {taken[name]}: choose another name")
    if where := {**own, **taken}.get(class_name.lower()):
        raise click.UsageError(f"the class {class_name!r} already exists, in {where}: choose another one with --class")


def _generate(answers: Mapping[str, Any], out: Path) -> Path:
    from cookiecutter.exceptions import CookiecutterException, OutputDirExistsException
    from cookiecutter.generate import generate_files

    try:
        return Path(generate_files(template(), {"cookiecutter": answers}, out))
    except OutputDirExistsException:
        raise click.UsageError(
            f"{str(out / answers['__distribution'])!r} already exists: move it, or choose another --out"
        ) from None
    except (CookiecutterException, OSError) as error:
        raise RefusedError(f"cannot write to {str(out)!r}: {error}") from error


_WHEELS = [
    "mxcore is not on a public index yet. Build its wheels in a checkout, and let uv find them:",
    "  uv build --all-packages --wheel --out-dir ~/wheels",
    "  export UV_FIND_LINKS=~/wheels",
]


def _is_published() -> bool:
    """Return whether uv finds mxcore by itself, as the template says."""
    return bool(json.loads((template() / "cookiecutter.json").read_text("utf-8"))["_published"])


def _next_steps(project: Path) -> str:
    files = [file for file in sorted(project.rglob("*")) if file.is_file()]
    marks = [
        f"  {file.relative_to(project)}:{number}"
        for file in files
        for number, line in enumerate(file.read_text("utf-8").splitlines(), start=1)
        if MARK in line
    ]
    return "\n".join(
        [
            f"Wrote {project}: {len(files)} files that work as they are. “Edit here” marks what to replace:",
            *marks,
            "To test the project:",
            f"  cd {project}",
            "  uv run pytest",
            *([] if _is_published() else _WHEELS),
        ]
    )
