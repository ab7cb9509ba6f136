"""The command ``mxcore doctor``."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator

import attrs
import click

from mxcore import get_num_threads
from mxcore.commands.doctor.processes import Answer, answers
from mxcore.commands.doctor.report import Report, tasks
from mxcore.commands.tables import print_table

__all__ = ["doctor"]


@click.command()
@click.option("--no-import", is_flag=True, help="Try nothing: say what the metadata of what is installed say.")
@click.option(
    "--timeout",
    type=click.FloatRange(min=0, min_open=True),
    default=30.0,
    show_default=True,
    metavar="SECONDS",
    help="How long the import of a plugin may take.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of tables.")
@click.pass_context
def doctor(context: click.Context, no_import: bool, timeout: float, as_json: bool) -> None:
    """Say what is installed and in use, what is wrong with it, and what to do.

    Each plugin, each array library and the kernel is tried in a process of its own, so that one that crashes or hangs
    is found out and nothing else is disturbed. The status is 1 if there is something to be done: a plugin that is
    broken, offered twice or made for another core, a kernel that does not work, a switch that is none. What is absent
    or switched off is no fault.
    """
    report = Report.of({} if no_import else _tried(timeout))
    if as_json:
        click.echo(json.dumps(attrs.asdict(report), indent=1))
    else:
        _print(report)
    context.exit(int(bool(report.problems)))


def _tried(timeout: float) -> dict[str, Answer]:
    """The answers to all tasks, with a bar on the error stream if that is a terminal."""
    every, found = tasks(), dict[str, Answer]()
    bar = click.progressbar(
        length=len(every),
        label="Trying",
        file=sys.stderr,
        hidden=not sys.stderr.isatty(),
        show_pos=True,
        item_show_func=lambda label: label,
    )
    with bar as progress:
        for task, answer in answers(every, timeout, at_once=get_num_threads()):
            found[task.label] = answer
            missing = (task.label for task in every if task.label not in found)
            progress.update(1, next(missing, ""))
    return found


def _print(report: Report) -> None:
    print_table(("",) * 3, _environment(report))
    if report.plugins:
        click.echo()
        columns = ("name", "kind", "distribution", "version", "status", "cause")
        rows = ([str(plugin[key]) for key in (*columns[:-1], "reason")] for plugin in report.plugins)
        print_table(columns, rows)
    click.echo()
    click.echo(_conclusion(report))


def _environment(report: Report) -> Iterator[tuple[str, str, str]]:
    yield "python", report.python["version"], report.python["executable"]
    yield "mxcore", report.core["version"], report.core["folder"]
    kernel = report.kernel
    status = "" if kernel["status"] == "ok" else f"{kernel['status']}; "
    threads = f"{kernel['threads']} thread{'s' * (kernel['threads'] != 1)}"
    yield "kernel", kernel["name"], f"{status}{kernel['reason']}; {threads}"
    for backend in report.backends:
        yield backend["name"], backend["status"], backend["reason"]
    for hook, plugins in report.hooks.items():
        yield hook, "hook", ", ".join(plugins)
    for switch in report.switches:
        yield switch["name"], switch["value"], switch["reason"]


def _conclusion(report: Report) -> str:
    if not report.problems:
        return f"{len(report.plugins)} plugins, and nothing to be done."
    return "\n".join(["To be done:", *(f"* {problem}" for problem in report.problems)])
