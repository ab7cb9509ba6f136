"""Run commands in this process."""

import inspect
from collections.abc import Sequence
from typing import Any

import attrs
import click
from click.testing import CliRunner

# Click 8.2 captures the two streams separately by default.
_APART: Any = {"mix_stderr": False} if "mix_stderr" in inspect.signature(CliRunner).parameters else {}


@attrs.frozen
class Result:
    """The exit status and output of a command."""

    exit_code: int
    stdout: str
    stderr: str
    exception: BaseException | None

    @property
    def output(self) -> str:
        """Both streams."""
        return self.stdout + self.stderr


def invoke(command: click.Command, arguments: Sequence[object], **variables: str) -> Result:
    """Call a command with arguments and environment variables."""
    done = CliRunner(**_APART).invoke(command, [str(argument) for argument in arguments], env=variables)
    return Result(done.exit_code, done.stdout, done.stderr, done.exception)
