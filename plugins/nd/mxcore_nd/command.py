"""The command ``mxcore convert``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

import mxcore as mx
from mxcore.commands.options import RefusedError
from mxcore_nd import files

__all__ = ["convert"]

EPILOG = """\b
Examples:
  mxcore convert old-0010.params new.safetensors
  mxcore convert new.safetensors old-0010.params"""


@click.command(epilog=EPILOG)
@click.argument("source", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.argument("target", type=click.Path(dir_okay=False, path_type=Path))
def convert(source: Path, target: Path) -> None:
    """Convert arrays between MXNet's .params files and safetensors.

    The suffixes of SOURCE and TARGET say in which direction. Names stay as they are, such as `arg:fc_weight`.
    """
    if source.suffix == ".states":
        raise RefusedError(
            f"{source.name} needs no conversion: mx.load_state and Module.load_optimizer_states read it, and what you "
            "save next is a file of mxcore"
        )
    if (source.suffix == ".params") == (target.suffix == ".params"):
        raise RefusedError(f"one of {source.name} and {target.name} must end in .params, and the other must not")
    try:
        if source.suffix == ".params":
            found: Any = files.load(source)
            named = found if isinstance(found, dict) else {str(number): one for number, one in enumerate(found)}
            mx.state.save_arrays(target, {name: mx.nd.bare(one) for name, one in named.items()})
        else:
            named, _ = mx.state.load_arrays(source)
            files.save(target, named)
    except (TypeError, ValueError, OSError) as error:
        raise RefusedError(str(error)) from error
    click.echo(f"{target}: {len(named)} array{'' if len(named) == 1 else 's'}")
