"""The command ``mxcore new``: scaffold a plugin from the cookiecutter template that comes with this package.

What is asked, which answers are possible and what each must look like is said in the template's ``cookiecutter.json``,
once for this command and for plain cookiecutter.
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
    """The template's folder: within the package, and in a checkout beside the plugins."""
    package = Path(__file__).parent
    folders = [package, *list(package.parents)[3:4]]  # of an installation close to the root, the latter is not there
    places = [folder / "cookiecutter-template" for folder in folders]
    for place in places:
        if (place / "cookiecutter.json").is_file():
            return place
    raise RefusedError(f"the template is not at {' or '.join(map(str, places))}: install mxcore-new again")


@functools.cache
def _questions() -> Any:
    return json.loads((template() / "cookiecutter.json").read_text("utf-8"))


class _Text(click.ParamType):  # type: ignore[type-arg]  # generic in newer clicks only
    """Text that meets one of the template's rules."""

    name = "text"

    def __init__(self, pattern: str, requirement: str, example: str) -> None:
        self.pattern, self.requirement, self.example = pattern, requirement, example

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The text itself."""
        if not re.fullmatch(self.pattern, value):
            self.fail(f"it {self.requirement}: such as {self.example}, got {value!r}", param, ctx)
        return str(value)


def _type(question: str) -> Any:
    choices = _questions()[question]
    if isinstance(choices, list):
        return click.Choice(choices)
    return _Text(*_questions()["_rules"][question])


def _parameters() -> list[click.Parameter]:
    """An option for every question, but for the two that the command is hardly ever called without."""
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
            help="Where the project's folder is made.",
        ),
    ]


def _metavar(question: str) -> str | None:
    return None if isinstance(_questions()[question], list) else question.upper()


@click.command(params=_parameters())
def new(out: Path, **answers: str | None) -> None:
    """Scaffold an optimizer, an initializer or a scheduler, called NAME.

    It is a project of its own, with tests, documentation and CI. KIND is optimizer, initializer or lr_scheduler. It
    works as it is: "Edit here" marks what is to become yours, which is the algorithm, its tests, the example and who
    wrote it. What is not given is asked for on a terminal, and else has the default of the template.
    """
    given = {question: answer for question, answer in answers.items() if answer is not None}
    if sys.stdin.isatty():
        _ask(given)
    elif not {"kind", "name"} <= set(given):
        raise click.UsageError("say what to make and how it is called, such as: mxcore new optimizer swift")
    complete = _complete(given)
    _check_free(complete["kind"], complete["name"], complete["class"])
    click.echo(_next_steps(_generate(complete, out)))


def _ask(given: dict[str, str]) -> None:
    """Ask for what was not given, and ask again where the answer cannot be."""
    for question, text in _questions()["__prompts__"].items():
        if question not in given:
            default = _complete(given)[question]
            given[question] = click.prompt(text, default=default, type=_type(question))


def _complete(given: Mapping[str, str]) -> dict[str, Any]:
    """The answers, the defaults of those not given, and what follows from them."""
    from cookiecutter.generate import generate_context
    from cookiecutter.prompt import prompt_for_config

    context = generate_context(str(template() / "cookiecutter.json"), extra_context=dict(given))
    return dict(prompt_for_config(context, no_input=True))


def _check_free(kind: str, name: str, class_name: str) -> None:
    """Refuse a name that another distribution or the core already uses: with both installed it would be ambiguous."""
    records = catalogue.records(kind)
    installed = {word.lower(): record.distribution for record in records for word in (record.name, record.class_name)}
    own = dict.fromkeys(map(str.lower, importlib.import_module(f"mxcore.{kind}").__all__), "mxcore")
    taken = {**catalogue.known_names(kind), **installed}
    if name in taken:
        raise click.UsageError(f"the {kind} {name!r} is there already, in {taken[name]}: choose another name")
    if where := {**own, **taken}.get(class_name.lower()):
        raise click.UsageError(f"the class {class_name!r} is there already, in {where}: give another one as --class")


def _generate(answers: Mapping[str, Any], out: Path) -> Path:
    from cookiecutter.exceptions import CookiecutterException, OutputDirExistsException
    from cookiecutter.generate import generate_files

    try:
        return Path(generate_files(template(), {"cookiecutter": answers}, out))
    except OutputDirExistsException:
        raise click.UsageError(
            f"{str(out / answers['__distribution'])!r} is there already: move it away, or choose another --out"
        ) from None
    except (CookiecutterException, OSError) as error:
        raise RefusedError(f"cannot write to {str(out)!r}: {error}") from error


_WHEELS = [
    "mxcore is not on a public index yet. In a checkout of it, make its wheels, and let uv find them:",
    "  uv build --all-packages --wheel --out-dir ~/wheels",
    "  export UV_FIND_LINKS=~/wheels",
]


def _is_published() -> bool:
    """Whether uv finds mxcore by itself, as the template says."""
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
            f"Wrote {project}: {len(files)} files that work as they are. What is yours to write is marked “Edit here”:",
            *marks,
            "To test it:",
            f"  cd {project}",
            "  uv run pytest",
            *([] if _is_published() else _WHEELS),
        ]
    )
