"""The directives ``mxcore-schedule`` and ``mxcore-path``, and the pictures of algorithms."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import mxcore_plot as plotting
from docutils import nodes
from docutils.parsers.rst import directives
from sphinx.util.docutils import SphinxDirective

import mxcore
from mxcore.catalogue import PluginError
from mxcore.commands.choice import Choice, ChoiceError, parse
from mxcore.testing import functions
from mxcore.testing.functions import FUNCTIONS
from mxcore_sphinx.alt import of_paths, of_schedules, of_values
from mxcore_sphinx.place import file_of

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["PathDirective", "ScheduleDirective", "path_picture", "schedule_picture", "values_picture"]


def schedule_picture(
    directive: SphinxDirective, schedules: Mapping[str, Any], updates: int | None = None, alt: str = ""
) -> nodes.image:
    """The curves of schedules, each by what the picture calls it."""
    alt = alt or of_schedules(schedules, updates)
    return _picture(directive, schedules, f"schedule {updates}", lambda: plotting.schedules(schedules, updates), alt)


def path_picture(
    directive: SphinxDirective,
    optimizers: Mapping[str, Any],
    function: str = "rosenbrock",
    steps: int = 500,
    alt: str = "",
) -> nodes.image:
    """The paths of optimizers on a test function, each by what the picture calls it."""
    alt = alt or of_paths(optimizers, function, steps)
    return _picture(
        directive, optimizers, f"path {function} {steps}", lambda: plotting.paths(optimizers, function, steps), alt
    )


def values_picture(directive: SphinxDirective, initializers: Mapping[str, Any]) -> nodes.image:
    """What initializers draw, each by what the picture calls it."""
    return _picture(directive, initializers, "values", lambda: plotting.values(initializers), of_values(initializers))


def _picture(
    directive: SphinxDirective, drawn: Mapping[str, Any], how: str, draw: Callable[[], Figure], alt: str
) -> nodes.image:
    """An image, which is drawn unless the same classes with the same arguments were drawn before."""
    env = directive.env
    digest = hashlib.sha256(mxcore.__version__.encode())
    digest.update(f"{how} {[(name, repr(one)) for name, one in drawn.items()]}".encode())
    for source in _sources(drawn.values()):
        digest.update(source.read_bytes())
    file = Path(env.doctreedir) / "mxcore" / f"{how.split()[0]}-{digest.hexdigest()[:20]}"
    files = [file.with_suffix(suffix) for suffix in (".svg", ".pdf")]  # LaTeX shows no SVG
    if not all(one.exists() for one in files):
        file.parent.mkdir(parents=True, exist_ok=True)
        figure = draw()
        for one in files:
            plotting.save(figure, one)
    here = Path(env.doc2path(env.docname)).parent
    uri = f"{Path(os.path.relpath(file, here)).as_posix()}.*"  # each builder takes what it can show
    return nodes.image(uri=uri, alt=alt, classes=["mxcore-picture"])


def _sources(drawn: Iterable[Any]) -> list[Path]:
    """The files that a picture follows from: the modules of the classes, and what draws."""
    files = {Path(file) for one in drawn if (file := file_of(type(one)))}
    drawing = [Path(functions.__file__), *Path(plotting.__file__).parent.glob("*.py")]
    return [*sorted(files), *sorted(drawing)]


class _Drawing(SphinxDirective):
    """What both directives do: make an algorithm of each line."""

    has_content = True
    kind: ClassVar[str]

    def made(self) -> dict[str, Any]:
        """An instance for each line, by the line.

        Raises:
            DirectiveError: there is no line, or one of them names nothing that can be made.
        """
        self.assert_has_content()
        try:
            return {line: self._make(line) for line in map(str.strip, self.content) if line}
        except (ChoiceError, PluginError) as error:
            raise self.error(str(error)) from error
        except Exception as error:  # whatever an author's constructor raises
            raise self.error(f"cannot make one of these: {type(error).__name__}: {error}") from error

    def drawn(self, draw: Callable[[], nodes.image]) -> list[nodes.Node]:
        """The picture that a function draws.

        Raises:
            DirectiveError: an algorithm cannot be drawn.
        """
        try:
            return [draw()]
        except Exception as error:  # whatever an author's code raises
            raise self.error(f"cannot draw this: {type(error).__name__}: {error}") from error

    def _make(self, line: str) -> Any:
        choice = Choice(self.kind, *parse(line))
        for file in _sources([made := choice.with_defaults(**self.defaults(choice.load())).create()]):
            self.env.note_dependency(file)
        return made

    def defaults(self, cls: Any) -> dict[str, Any]:
        """The arguments of a class that a line need not give."""
        return {}


class ScheduleDirective(_Drawing):
    """Draw the curves of schedules: ``NAME:ARGUMENT=VALUE,…``, one in each line."""

    kind = "lr_scheduler"
    option_spec: ClassVar[Any] = {"updates": directives.positive_int, "alt": directives.unchanged}

    def run(self) -> list[nodes.Node]:
        made = self.made()
        return self.drawn(lambda: schedule_picture(self, made, **self.options))


class PathDirective(_Drawing):
    """Draw the paths of optimizers on the function that is the argument, ``rosenbrock`` unless given."""

    kind = "optimizer"
    optional_arguments = 1
    option_spec: ClassVar[Any] = {"steps": directives.positive_int, "alt": directives.unchanged}

    def defaults(self, cls: Any) -> dict[str, Any]:
        return {**cls.examples[0], **cls.descent}

    def run(self) -> list[nodes.Node]:
        function = self.arguments[0] if self.arguments else "rosenbrock"
        if function not in FUNCTIONS:
            raise self.error(f"there is no function {function!r}: choose from {', '.join(FUNCTIONS)}")
        made = self.made()
        return self.drawn(lambda: path_picture(self, made, function, **self.options))
