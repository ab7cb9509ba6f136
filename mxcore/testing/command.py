"""``mxcore check``: the conformance kit from the command line."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from mxcore import catalogue
from mxcore.commands.options import bar_stream

if TYPE_CHECKING:
    from mxcore.testing.run import Case, Outcome

__all__ = ["check", "everything", "targets"]

EPILOG = """\b
Examples:
  mxcore check adam mxcore-optimizer-adam
  mxcore check --all --json
  mxcore check adam --only resuming_is_exact
  mxcore check --explain resuming_is_exact"""


def targets(names: Sequence[str]) -> list[Any]:
    """Return what to check: classes and names of distributions, each once.

    Args:
        names: names of algorithms, their classes, ``kind:name``, or distributions.

    Raises:
        PluginError: nothing of this name is installed, or it is broken.
    """
    found = dict.fromkeys(target for name in names for target in _targets(name))
    return list(found)


def _targets(name: str) -> list[Any]:
    if any(record.distribution == catalogue.canonical(name) for record in catalogue.algorithms()):
        return [catalogue.canonical(name)]
    return [catalogue.load_record(record) for record in catalogue.find_all(name)]


def everything() -> list[Any]:
    """Return every installed algorithm's class, and every distribution that offers one."""
    records = [record for record in catalogue.algorithms() if record.status == "ok"]
    distributions = sorted({record.distribution for record in records})
    return [*dict.fromkeys(catalogue.load_record(record) for record in records), *distributions]


@click.command(epilog=EPILOG)
@click.argument("names", nargs=-1, metavar="NAME...")
@click.option("--all", "all_", is_flag=True, help="Check everything installed.")
@click.option("--only", multiple=True, metavar="CHECK", help="Run this check; may be repeated.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of text.")
@click.option(
    "--explain", is_flag=True, help="Explain what each check claims and why, for all checks or the checks NAME."
)
@click.pass_context
def check(
    context: click.Context, names: tuple[str, ...], all_: bool, only: tuple[str, ...], as_json: bool, explain: bool
) -> None:
    """Check whether algorithms do what every user of mxcore relies on.

    NAME is an algorithm (adam, optimizer:adam, Adam) or a distribution (mxcore-optimizer-adam). The exit status is 1
    if a claim does not hold.
    """
    from mxcore.testing.run import cases  # here, since the checks take longer to import than the core

    if explain:
        click.echo("\n\n".join(_explained(names)))
        return
    if not names and not all_:
        raise click.UsageError("name what to check, as in `mxcore check adam`, or use --all")
    every: list[Case]
    try:
        every = [case for target in (everything() if all_ else targets(names)) for case in cases(target, only)]
    except ValueError as error:
        raise click.UsageError(str(error)) from error
    outcomes: list[Outcome] = []
    with click.progressbar(every, label="Checking", file=bar_stream(not as_json)) as progress:
        for case in progress:
            outcomes.append(case.run())  # noqa: PERF401 - the bar moves while it is read
    click.echo(json.dumps(list(map(_as_json, outcomes)), indent=1) if as_json else "\n\n".join(_report(outcomes)))
    context.exit(int(any(outcome.status == "broken" for outcome in outcomes)))


def _explained(names: Sequence[str]) -> list[str]:
    from mxcore.testing import CHECKS

    known = {one.name for one in CHECKS}
    if unknown := [name for name in names if name not in known]:
        raise click.UsageError(f"there is no check called {unknown[0]!r}: the checks are {', '.join(sorted(known))}")
    chosen = [one for one in CHECKS if not names or one.name in names]
    return list(dict.fromkeys(f"{one.name} ({one.kind})\n  {one.claim}\n  {one.why}" for one in chosen))


def _report(outcomes: Sequence[Outcome]) -> list[str]:
    """Format the broken claims in full, then a line for each target."""
    broken = [str(outcome) for outcome in outcomes if outcome.status == "broken"]
    lines = []
    for target in dict.fromkeys(outcome.target for outcome in outcomes):
        own = [outcome for outcome in outcomes if outcome.target == target]
        counts = {status: sum(one.status == status for one in own) for status in ("passed", "broken", "expected")}
        lines.append(f"{target}: " + ", ".join(f"{count} {status}" for status, count in counts.items() if count))
        lines += [
            f"  {one.check.name}: {one.status}: {one.seen}" for one in own if one.status in ("expected", "not run")
        ]
    return [*broken, "\n".join(lines)]


def _as_json(outcome: Outcome) -> dict[str, str]:
    return {
        "target": outcome.target,
        "kind": outcome.check.kind,
        "check": outcome.check.name,
        "status": outcome.status,
        "claim": outcome.check.claim,
        "seen": outcome.seen,
        "settings": outcome.settings,
    }
