"""Runs of ``mxcore train`` in several processes, which share a key-value store."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

import click

import mxcore as mx
import mxcore.catalogue
from mxcore.kvstore import KVStore
from mxcore_module.train.errors import InputError

__all__ = ["run"]

_BAR = 40


def run(options: Mapping[str, Any], work: Callable[[Mapping[str, Any], KVStore], int]) -> int:
    """Be one of the workers, or start them; return the status.

    Args:
        options: the values of the command's options.
        work: what a worker does with the store; it returns a status.

    Raises:
        InputError: options exclude each other, or the store is for one process.
        mxcore.catalogue.PluginError: the store, or mxcore-launch, is not installed.
    """
    if options["resume"] or options["lr_find"]:
        raise InputError("--kvstore does not go with --resume or --lr-find: runs of several workers begin anew")
    store = mx.kv.registry.get(options["kvstore"])
    if not store.type.startswith("dist"):
        raise InputError(f"the store {options['kvstore']!r} is for one process: leave out --kvstore")
    return _worker(options, work) if store.is_launched() else _launched(options)


def _launched(options: Mapping[str, Any]) -> int:
    """Run this command in several processes."""
    launch = mx.catalogue.load("command", "launch")
    seed = [] if options["seed"] is not None else ["--seed", str(mx.random.seed(None))]
    program = (sys.executable, "-m", "mxcore", *sys.argv[1:], *seed)
    arguments = {"num_workers": options["workers"], "num_servers": options["servers"], "store": options["kvstore"]}
    try:
        launch.callback(**arguments, restarts=0, program=program)
    except SystemExit as end:
        return int(end.code or 0)
    return 0


def _worker(options: Mapping[str, Any], work: Callable[[Mapping[str, Any], KVStore], int]) -> int:
    """Be one of the workers; the first one reports how late gradients came."""
    if options["seed"] is None:
        raise InputError("workers that mxcore has not started must be told to draw the same numbers: add --seed 1")
    with mx.kv.create(options["kvstore"]) as store:
        status = work(options, store)
        if not status:
            store.barrier()
            late: Mapping[int, int] = getattr(store, "staleness", Counter)()
            if late and not store.rank:
                click.echo(_histogram(late))
    return status


def _histogram(late: Mapping[int, int]) -> str:
    """Draw how many pushes came how many updates after their worker had pulled.

    >>> print(_histogram({0: 1, 1: 3}))
    Staleness  updates between a worker's pull and its push
             0   25.0 % ##########
             1   75.0 % ##############################
    """
    total = sum(late.values())
    lines = [f"{count:10}  {late[count] / total:6.1%}".replace("%", " %") for count in sorted(late)]
    bars = ["#" * round(_BAR * late[count] / total) for count in sorted(late)]
    return "\n".join(
        [
            "Staleness  updates between a worker's pull and its push",
            *(f"{a} {b}".rstrip() for a, b in zip(lines, bars, strict=True)),
        ]
    )
