"""The command ``mxcore launch``."""

from __future__ import annotations

import sys
import uuid

import click

import mxcore as mx
from mxcore.commands.options import RefusedError
from mxcore_launch.workers import Workers

__all__ = ["launch"]

EPILOG = """\b
Examples:
  mxcore launch -n 4 python train.py
  mxcore launch -n 4 -s 2 python train.py --kv-store dist_async
  mxcore launch -n 2 --store none python train.py"""


@click.command(epilog=EPILOG, context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False})
@click.option("-n", "--num-workers", type=click.IntRange(min=1), required=True, help="How many workers to start.")
@click.option("-s", "--num-servers", type=click.IntRange(min=1), default=1, show_default=True, help="How many servers.")
@click.option(
    "--store",
    default="dist_sync",
    show_default=True,
    help="The store whose servers are started: its name, or `none`. Those for dist_sync serve dist_async, too.",
)
@click.option(
    "--restarts",
    type=click.IntRange(min=0),
    default=0,
    show_default=True,
    help="How often a worker that fails is restarted.",
)
@click.argument("program", nargs=-1, required=True, type=click.UNPROCESSED)
def launch(num_workers: int, num_servers: int, store: str, restarts: int, program: tuple[str, ...]) -> None:
    """Run PROGRAM in several processes: the workers of a key-value store.

    Each of them creates its store by `mx.kv.create("dist_sync")`, whose `rank` and `num_workers` tell which one it is.
    Their lines are printed with the rank in front. If one fails, the others are ended, and its status is that of the
    command. For `dist_sync_mpi`, use `mpiexec -n 4 python train.py` instead.
    """
    job = {"MXCORE_JOB": uuid.uuid4().hex[:12]}
    try:
        engine = None if store == "none" else mx.kv.registry.get(store)
    except mx.catalogue.PluginError as error:
        raise RefusedError(f"--store: {error}; or pass --store none, if the program needs no servers") from error
    if engine is None:
        sys.exit(Workers(program, num_workers, job, restarts).run())
    try:
        launching = engine.launching(num_workers, num_servers)
    except ValueError as error:
        raise RefusedError(f"--store: {error}") from error
    with launching as own:
        status = Workers(program, num_workers, {**job, **own}, restarts).run()
    sys.exit(status)
