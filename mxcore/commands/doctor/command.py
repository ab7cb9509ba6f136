"""The command ``mxcore doctor``."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

import click

from mxcore import get_num_threads
from mxcore.commands.doctor.processes import Answer, answers
from mxcore.commands.doctor.report import report, tasks
from mxcore.commands.options import bar_stream
from mxcore.commands.tables import print_table


@click.command()
@click.option("--no-import", is_flag=True, help="Import nothing: only report the metadata of installed plugins.")
@click.option(
    "--timeout",
    type=click.FloatRange(min=0, min_open=True),
    default=30.0,
    show_default=True,
    metavar="SECONDS",
    help="Time limit for importing a plugin.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of tables.")
@click.pass_context
def doctor(context: click.Context, no_import: bool, timeout: float, as_json: bool) -> None:
    """Show what is installed and in use, what is wrong with it, and how to fix it.

    Each plugin, each array library and the kernel is tried in its own process, so that one that crashes or hangs is
    reported and does not affect the others. The exit status is 1 if there is something to fix: a plugin that is broken,
    offered twice or built for another version of the core, a kernel that does not work, or an unknown environment
    variable. Absent or switched-off plugins are not errors.
    """
    found = report({} if no_import else _tried(timeout))
    if as_json:
        click.echo(json.dumps(found, indent=1))
    else:
        _print(found)
    context.exit(int(bool(found["problems"])))


def _tried(timeout: float) -> dict[str, Answer]:
    """Return the answers to all tasks, showing a progress bar on stderr if that is a terminal."""
    every, found = tasks(), dict[str, Answer]()
    bar = click.progressbar(
        length=len(every),
        label="Trying",
        file=bar_stream(),
        show_pos=True,
        item_show_func=lambda label: label,
    )
    with bar as progress:
        for task, answer in answers(every, timeout, at_once=get_num_threads()):
            found[task.label] = answer
            missing = (task.label for task in every if task.label not in found)
            progress.update(1, next(missing, ""))
    return found


def _print(found: Mapping[str, Any]) -> None:
    print_table(("",) * 3, _environment(found))
    if found["plugins"]:
        click.echo()
        columns = ("name", "kind", "distribution", "version", "status", "cause")
        rows = ([str(plugin[key]) for key in (*columns[:-1], "reason")] for plugin in found["plugins"])
        print_table(columns, rows)
    if found["problems"]:
        click.echo("\n".join(["\nTo fix:", *(f"* {problem}" for problem in found["problems"])]))
    else:
        click.echo(f"\n{len(found['plugins'])} plugins, nothing to fix.")


def _environment(found: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    yield "python", found["python"]["version"], found["python"]["executable"]
    yield "mxcore", found["core"]["version"], found["core"]["folder"]
    kernel = found["kernel"]
    status = "" if kernel["status"] == "ok" else f"{kernel['status']}; "
    threads = f"{kernel['threads']} thread{'s' * (kernel['threads'] != 1)}"
    yield "kernel", kernel["name"], f"{status}{kernel['reason']}; {threads}"
    for backend in found["backends"]:
        yield backend["name"], backend["status"], backend["reason"]
    for hook, plugins in found["hooks"].items():
        yield hook, "hook", ", ".join(plugins)
    for switch in found["switches"]:
        yield switch["name"], switch["value"], switch["reason"]
