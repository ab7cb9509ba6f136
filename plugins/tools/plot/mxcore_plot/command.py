"""``mxcore plot``: plots of algorithms, by name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from mxcore import catalogue
from mxcore.commands.choice import Choice, ChoiceError, parse
from mxcore.commands.options import RefusedError
from mxcore.testing.functions import FUNCTIONS
from mxcore_plot import paths, save, schedules, values
from mxcore_plot.options import picture

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["plot"]

Choices = Mapping[str, Choice]

_UPDATES, _STEPS = 1000, 500  # unless given
EPILOG = """\b
Examples:
  mxcore plot cosine factor --updates 1000 --out curves.svg
  mxcore plot cosine:max_update=500,warmup_steps=50 multifactor:step=[200,400],factor=0.3 --out curves.png
  mxcore plot adam sgd:learning_rate=0.1,momentum=0.9 --function beale --steps 200 --out paths.png
  mxcore plot xavier normal:sigma=0.1 --out values.svg"""


@click.command(epilog=EPILOG)
@click.argument("texts", nargs=-1, required=True, metavar="NAME[:ARGUMENT=VALUE,...]...")
@click.option("--out", type=click.Path(path_type=Path), callback=picture, required=True, metavar="FILE.svg|.png|.pdf")
@click.option(
    "--updates",
    type=click.IntRange(min=1),
    help="For schedules: how many updates to show.  [default: until none of them changes any more]",
)
@click.option("--function", type=click.Choice([*FUNCTIONS]), help="For optimizers: function.  [default: rosenbrock]")
@click.option("--steps", type=click.IntRange(min=1), help=f"For optimizers: the number of steps.  [default: {_STEPS}]")
def plot(texts: tuple[str, ...], out: Path, updates: int | None, function: str | None, steps: int | None) -> None:
    """Draw schedules, paths of optimizers on a test function, or initial values.

    NAME is a name from `mxcore list`, or a qualified name, optionally with arguments, which are Python literals or
    strings. Schedules that need the length of the run get --updates, or 1000. Optimizers get the arguments that their
    class declares for such functions, `descent`, unless you pass others. The weight of the first initializer is drawn
    as an image, and the values of all of them as a histogram.
    """
    try:
        kind, choices = _choices(texts)
        figure = _figure(kind, choices, updates, function, steps)
        save(figure, out)
    except (ChoiceError, catalogue.PluginError, ImportError) as error:
        raise RefusedError(str(error)) from error
    except OSError as error:
        raise RefusedError(f"cannot write to {str(out)!r}: {error.strerror or error}") from error
    click.echo(f"Drawn: {out}")


def _figure(kind: str, choices: Choices, updates: int | None, function: str | None, steps: int | None) -> Figure:
    if kind != "lr_scheduler":
        _refuse(kind, {"--updates": updates})
    if kind != "optimizer":
        _refuse(kind, {"--function": function, "--steps": steps})
    if kind == "optimizer":
        return _paths(choices, function or "rosenbrock", steps or _STEPS)
    return _schedules(choices, updates) if kind == "lr_scheduler" else _values(choices)


def _choices(texts: Sequence[str]) -> tuple[str, Choices]:
    """Return the kind of these names, and each choice by its label.

    Raises:
        ChoiceError: the names are of several kinds, which cannot be plotted together; or one is given twice.
        PluginError: nothing installed has a name.
    """
    parsed = {text: parse(text) for text in texts}
    if len(parsed) < len(texts):
        raise ChoiceError(f"{next(text for text in texts if texts.count(text) > 1)!r} is given twice")
    kind = _kind([name for name, _ in parsed.values()])
    names = [name for name, _ in parsed.values()]
    return kind, {
        name if names.count(name) == 1 else text: Choice(kind, name.removeprefix(f"{kind}:"), arguments)
        for text, (name, arguments) in parsed.items()
    }


def _kind(names: Sequence[str]) -> str:
    """Return the kind that all names have in common."""
    kinds = {name: {record.kind for record in catalogue.find_all(name)} for name in names}
    common = set.intersection(*kinds.values())
    if not common:
        said = ", ".join(f"{name!r} ({', '.join(sorted(found))})" for name, found in kinds.items())
        raise ChoiceError(f"a plot shows algorithms of one kind, got {said}")
    if len(common) > 1:
        choices = " or ".join(f"{kind}:{names[0]}" for kind in sorted(common))
        raise ChoiceError(f"{names[0]!r} has several kinds: use {choices}")
    return common.pop()


def _refuse(kind: str, options: Mapping[str, object]) -> None:
    if given := [name for name, value in options.items() if value is not None]:
        raise ChoiceError(f"{given[0]} does not apply to {kind}s")


def _schedules(choices: Choices, updates: int | None) -> Figure:
    sized = {name: _sized(choice, updates or _UPDATES).create() for name, choice in choices.items()}
    return schedules(sized, updates)


def _sized(choice: Choice, updates: int) -> Choice:
    """Return a schedule with arguments for a number of updates, and those of its first example where it needs more."""
    if not choice.missing():
        return choice
    cls = choice.load()
    choice = choice.with_defaults(**cls.arguments_for(updates))
    return choice.with_defaults(**{name: cls.examples[0][name] for name in choice.missing() if name in cls.examples[0]})


def _paths(choices: Choices, function: str, steps: int) -> Figure:
    declared = {name: {**choice.load().examples[0], **choice.load().descent} for name, choice in choices.items()}
    made = {name: choice.with_defaults(**declared[name]).create() for name, choice in choices.items()}
    return paths(made, function, steps)


def _values(choices: Choices) -> Figure:
    made = {
        name: choice.with_defaults(**choice.load().examples[0]) if choice.missing() else choice
        for name, choice in choices.items()
    }
    try:
        return values({name: choice.create() for name, choice in made.items()})
    except ValueError as error:
        raise ChoiceError(str(error)) from error
