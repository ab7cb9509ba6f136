"""The command line: what it lists and shows, and that errors are one line with exit status 2."""

import json
import re
from typing import Any

import pytest
from click.testing import CliRunner

import mxcore as mx
from mxcore.commands.cli import main


def run(*arguments: str) -> Any:
    return CliRunner().invoke(main, arguments, env={"COLUMNS": "200"})


def test_the_list_has_every_installed_name() -> None:
    rows = run("list").output.splitlines()
    assert rows[0].split() == ["name", "kind", "distribution", "version", "status", "summary"]
    assert [row.split()[0] for row in rows[1:]] == [record.name for record in mx.catalogue.records()]


@pytest.mark.parametrize("kind", ["optimizer", "optimizers"])
def test_a_kind_is_taken_in_the_singular_and_in_the_plural(kind: str) -> None:
    listed = json.loads(run("list", kind, "--json").output)
    assert {record["kind"] for record in listed} == {"optimizer"}
    assert {"sgd", "adam"} <= {record["name"] for record in listed}


def test_an_unknown_kind_names_those_there_are() -> None:
    result = run("list", "metrics")
    assert result.exit_code == 2
    assert "'metrics' is no kind of plugin: choose from optimizer, initializer, lr_scheduler" in result.output


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
    [("adan", "did you mean"), ("nonsense-that-is-nowhere", "`mxcore list` shows what is installed")],
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
