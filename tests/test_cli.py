"""The command line: what it lists and shows, and that errors are one line with exit status 2."""

import contextlib
import json
import os
import re
import subprocess
import sys
import termios
from pathlib import Path
from typing import Any

import pytest
from commands import invoke

import mxcore as mx
from mxcore.commands.cli import main


def run(*arguments: str) -> Any:
    return invoke(main, arguments, COLUMNS="200")


def test_the_list_has_every_installed_name() -> None:
    names = [record.name for record in mx.catalogue.records()]
    rows = run("list").output.splitlines()
    assert rows[0].split() == ["name", "kind", "what", "it", "is"]
    assert [row.split()[0] for row in rows[1:]] == names
    rows = run("list", "--long").output.splitlines()
    assert rows[0].split() == ["name", "kind", "distribution", "version", "status", "summary"]
    assert [row.split()[0] for row in rows[1:]] == names


def test_an_alias_is_listed_as_another_name() -> None:
    (alias,) = [row for row in run("list", "initializer").output.splitlines() if row.startswith("he_normal ")]
    assert alias.split(maxsplit=2)[2].strip() == "another name of kaimingnormal"


@pytest.mark.parametrize(
    ("conditions", "present", "absent"),
    [
        (["state_bytes<=4", "not needs_all"], {"sgd", "lion", "ccsgd"}, {"adam", "prodigy", "xavier", "list"}),
        (["state_bytes<=4 and not needs_all"], {"sgd", "lion", "ccsgd"}, {"adam", "prodigy", "xavier", "list"}),
        (["needs_all"], {"prodigy"}, {"sgd"}),
        (["family = sign"], {"lion", "signum"}, {"adam"}),
        (["family!=sign", "year > 2022"], {"prodigy"}, {"lion", "adam"}),
        (["evaluation"], {"average"}, {"lookahead", "sgd"}),
        (["complex", "year==2010"], {"xavier", "glorot"}, {"kaimingnormal", "sgd"}),
    ],
)
def test_the_list_can_be_narrowed_by_properties(conditions: list[str], present: set[str], absent: set[str]) -> None:
    arguments = [argument for condition in conditions for argument in ("--where", condition)]
    head, *rows = run("list", *arguments).output.splitlines()
    names = {row.split()[0] for row in rows}
    assert present <= names
    assert not absent & names
    assert set(re.findall(r"family|year|state_bytes|needs_all|evaluation|complex", str(conditions))) <= {*head.split()}
    listed = json.loads(run("list", *arguments, "--json").output)
    assert {record["name"] for record in listed} == names
    assert all(record["properties"]["family"] for record in listed)


def test_no_algorithm_with_the_properties_is_said() -> None:
    assert run("list", "optimizer", "--where", "state_bytes>1000").output == "no optimizer has these properties\n"


def test_a_package_with_damaged_properties_is_listed_but_has_none(tmp_path: Path, run_python: Any) -> None:
    make = {"damaged_swift/__init__.py": "raise SystemExit", "damaged_swift/properties.json": "{"}
    make["damaged_swift-1.0.dist-info/METADATA"] = "Metadata-Version: 2.1\nName: damaged-swift\nVersion: 1.0\n"
    make["damaged_swift-1.0.dist-info/entry_points.txt"] = "[mxcore.optimizers]\ndamaged = damaged_swift:Swift\n"
    for name, text in make.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    program = "import sys; from mxcore.commands.cli import main; main(sys.argv[1:])"
    assert "damaged" in run_python(program, "list", "optimizer", PYTHONPATH=str(tmp_path))
    chosen = run_python(program, "list", "optimizer", "--where", "year>1900", PYTHONPATH=str(tmp_path))
    assert "adam" in chosen
    assert "damaged" not in chosen


@pytest.mark.parametrize("width", [60, 80, 140])
def test_on_a_terminal_each_name_takes_one_line(width: int) -> None:
    status, shown = on_a_terminal(width, "list")
    lines = shown.splitlines()
    assert status == 0
    assert len(lines) == 1 + len(mx.catalogue.records())
    assert max(map(len, lines)) <= width
    assert ("…" in shown) == (width < 100)


def on_a_terminal(width: int, *arguments: str) -> tuple[int, str]:
    """Return the exit status of a command, and its output on a terminal of this width."""
    ours, theirs = pytest.importorskip("pty", reason="there are no pseudo-terminals").openpty()
    termios.tcsetwinsize(theirs, (24, width))
    environment = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "LINES")}
    command = [sys.executable, "-m", "mxcore", *arguments]
    with subprocess.Popen(command, stdout=theirs, env={**environment, "TERM": "xterm"}) as process:
        os.close(theirs)
        shown = b""
        with contextlib.suppress(OSError):  # the other side is closed
            while chunk := os.read(ours, 65536):
                shown += chunk
    os.close(ours)
    return process.returncode, re.sub(r"\x1b\[[0-9;]*m", "", shown.decode())


def test_what_cannot_be_used_says_so_in_the_short_list_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MXCORE_BLOCK", "mxcore-optimizer-lion")
    (lion,) = [row for row in run("list").output.splitlines() if row.startswith("lion ")]
    assert "blocked (named in MXCORE_BLOCK): Lion, steps by" in lion


@pytest.mark.parametrize("kind", ["optimizer", "optimizers"])
def test_a_kind_is_taken_in_the_singular_and_in_the_plural(kind: str) -> None:
    listed = json.loads(run("list", kind, "--json").output)
    assert {record["kind"] for record in listed} == {"optimizer"}
    assert {"sgd", "adam"} <= {record["name"] for record in listed}


def test_an_unknown_kind_names_those_there_are() -> None:
    result = run("list", "metrics")
    assert result.exit_code == 2
    assert "'metrics' is not a kind of plugin: choose from optimizer, initializer, lr_scheduler" in result.output


def test_show_has_signature_checks_and_documentation() -> None:
    shown = run("show", "adam").output
    assert shown.startswith("adam: optimizer of mxcore-optimizer-adam")
    assert "Adam(learning_rate=0.001, beta1=0.9," in shown
    assert re.search(r"beta1 = 0\.9 +must be in \[0, 1\)", shown)
    assert "https://arxiv.org/abs/1412.6980" in shown


@pytest.mark.parametrize("record", mx.catalogue.records(), ids=lambda record: record.qualified_name)
def test_every_installed_algorithm_can_be_shown(record: mx.catalogue.Record) -> None:
    if record.kind in ("optimizer", "initializer", "lr_scheduler"):
        result = run("show", record.qualified_name)
        assert result.exit_code == 0, result.output
        assert f"{record.class_name}(" in result.output


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("adom", "cannot find optimizer 'adom': did you mean"),
        ("cosin", "cannot find optimizer or lr_scheduler 'cosin': did you mean 'cosine' or 'join' or 'scion'?"),
        ("constan", "cannot find initializer or lr_scheduler 'constan': did you mean 'constant' or 'cosine'?"),
        (
            "nowhere-to-be-found",
            "cannot find optimizer, initializer or lr_scheduler 'nowhere-to-be-found'; `mxcore list`",
        ),
        ("lr_scheduler:nowhere", "cannot find lr_scheduler 'nowhere'; `mxcore list` shows what is installed"),
        ("optimizer:cosine", "cannot find optimizer 'cosine': mxcore-lr-scheduler-cosine offers the lr_scheduler of"),
        ("train", "'train': mxcore-module offers the command of this name"),
    ],
)
def test_an_unknown_name_is_one_line_and_status_2(name: str, said: str) -> None:
    result = run("show", name)
    assert result.exit_code == 2
    assert said in result.output
    assert "Traceback" not in result.output


def test_help_and_version() -> None:
    assert mx.__version__ in run("--version").output
    assert {"list", "show", "train"} <= set(run("--help").output.split())
    assert "No such command 'trian'" in run("trian").output
    alone = run()
    assert (alone.exit_code, alone.stdout) == (0, run("--help").stdout)


def test_help_describes_each_command_and_names_no_distribution() -> None:
    shown = " ".join(run("--help").output.split())
    for record in mx.catalogue.records("command"):
        said = mx.catalogue.load_record(record).get_short_help_str(80)
        assert f" {record.name} {said}" in shown
    assert "mxcore-" not in shown


COMMANDS = {
    "docstring": "@click.command()\n@click.option('--x', help='An option.')\ndef {}(x):\n    'Fly. And more.'",
    "keyword": "@click.command(help='Dive to the ground.')\ndef {}(): ...",
    "short": "@click.command('dive', help='Long.', short_help='Short.')\ndef {}():\n    'Longer.'",
    "by_hand": "{} = click.Command('swim', help='Swim.')",
    "elsewhere": "from nowhere import {}",
    "broken": "def {}(:",
}
SAID = {"docstring": "Fly.", "keyword": "Dive to the ground.", "short": "Short.", "by_hand": "Swim."}


def test_a_strangers_command_is_described_by_its_source_which_is_not_imported(tmp_path: Path, run_python: Any) -> None:
    package = tmp_path / "stranger" / "inside"
    package.mkdir(parents=True)
    for folder in (package, package.parent):
        (folder / "__init__.py").write_text("raise SystemExit('imported')", encoding="utf-8")
    for name, source in COMMANDS.items():
        (package / f"{name}.py").write_text("raise SystemExit('imported')\n" + source.format(name), encoding="utf-8")
    info = tmp_path / "stranger-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: stranger\nVersion: 1.0\nSummary: Birds, for mxcore\n", encoding="utf-8"
    )
    points = [*(f"{name} = stranger.inside.{name}:{name}" for name in COMMANDS), "gone = stranger.gone:gone"]
    (info / "entry_points.txt").write_text("\n".join(["[mxcore.commands]", *points]), encoding="utf-8")
    program = "from mxcore.commands.cli import main; main(['--help'])"
    shown = run_python(program, PYTHONPATH=str(tmp_path), COLUMNS="200")
    described = dict(line.split(None, 1) for line in shown.partition("Commands:\n")[2].splitlines())
    assert {name: described[name].strip() for name in (*COMMANDS, "gone")} == {
        **dict.fromkeys([*COMMANDS, "gone"], "Birds (stranger)"),
        **SAID,
    }


@pytest.mark.parametrize(
    "arguments",
    [
        ["--nope"],
        ["nope"],
        ["list", "nope"],
        *(
            ["list", "--where", text]
            for text in ("colour=red", "year>soon", "evaluation=1", "not year", "family<z", "")
        ),
        ["show"],
        ["show", "adam", "sgd"],
        ["train", "extra"],
        ["train", "--epochs", "many"],
        ["train", "--resume", "nowhere"],
        ["compare"],
        ["compare", "nope"],
        ["check"],
        ["check", "nope"],
        ["plot", "adam"],
        ["bench", "--nope"],
        ["new", "optimizer", "3"],
    ],
    ids=" ".join,
)
def test_what_cannot_be_done_is_one_line_and_status_2(arguments: list[str]) -> None:
    result = run(*arguments)
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith("Error: ")
    assert result.stderr.count("\n") == 1


def test_an_interrupt_at_any_time_is_status_130(run_python: Any) -> None:
    program = (
        "import click, sys; from mxcore.commands import cli\n"
        "@cli.main.command('sleep')\n"
        "def sleep(): raise KeyboardInterrupt\n"
        "cli._Commands.get_command = lambda self, ctx, name: sleep\n"
        "try: cli.main(['sleep'])\n"
        "except SystemExit as left: print(left.code)"
    )
    assert run_python(program) == "130\n"


def test_the_cores_commands_cannot_be_switched_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MXCORE_PLUGINS", "")
    assert {"check", "doctor", "list", "show"} <= set(run("--help").output.split())
    assert run("list", "optimizer").exit_code == 0
    refused = run("train")
    assert refused.exit_code == 2
    assert "MXCORE_PLUGINS" in refused.output


def test_the_cores_commands_enter_by_entry_points() -> None:
    records = {record.name: record.distribution for record in mx.catalogue.records("command")}
    assert records.items() >= dict.fromkeys(["check", "doctor", "list", "show"], "mxcore").items()
