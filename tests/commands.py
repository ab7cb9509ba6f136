"""Commands, called in this process."""

import inspect
from collections.abc import Sequence
from typing import Any

import attrs
import click
from click.testing import CliRunner

# Click 8.2 captures the two streams apart without being asked to.
_APART: Any = {"mix_stderr": False} if "mix_stderr" in inspect.signature(CliRunner).parameters else {}


@attrs.frozen
class Result:
    """How a command ended, and what it printed."""

    exit_code: int
    stdout: str
    stderr: str
    exception: BaseException | None

    @property
    def output(self) -> str:
        """Both streams."""
        return self.stdout + self.stderr


def invoke(command: click.Command, arguments: Sequence[object], **variables: str) -> Result:
    """Call a command with arguments, and with variables in its environment."""
    done = CliRunner(**_APART).invoke(command, [str(argument) for argument in arguments], env=variables)
    return Result(done.exit_code, done.stdout, done.stderr, done.exception)
