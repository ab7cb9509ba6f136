"""The command `mxcore lr-find`, and `mxcore train --lr-find`."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("mxcore_module")


def mxcore(*arguments: str, folder: Path, hidden: str = "") -> "subprocess.CompletedProcess[str]":
    """Run the command in a process of its own, in which the distribution ``hidden`` is not installed."""
    code = f"""
import importlib.metadata as metadata, sys
whole = metadata.distributions
metadata.distributions = lambda **given: [one for one in whole(**given) if one.name != {hidden!r}]
sys.modules[{hidden.replace("-", "_")!r}] = None
from mxcore.commands.cli import main
main(prog_name="mxcore")
"""
    return subprocess.run(
        [sys.executable, "-c", code, *arguments], cwd=folder, capture_output=True, encoding="utf-8", check=False
    )


def test_it_prints_a_table_and_the_suggestion_and_draws(tmp_path: Path) -> None:
    done = mxcore("lr-find", "--seed", "1", "--hidden", "16", "--picture", "rates.svg", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    head, *rows = done.stdout.splitlines()
    assert head.split() == ["learning", "rate", "loss", "smoothed"]
    rates = [float(row.split()[0]) for row in rows[:10]]
    assert rates[0] == 1e-7
    assert rates == sorted(rates)
    (suggestion,) = (row.split()[1].rstrip(",") for row in rows if row.startswith("Suggestion"))
    assert 1e-3 < float(suggestion) < 2
    assert "Seed       1" in rows
    assert "steepest" in (tmp_path / "rates.svg").read_text("utf-8")
    assert [file.name for file in tmp_path.iterdir()] == ["rates.svg"]


def test_it_takes_the_data_and_algorithms_of_train(tmp_path: Path) -> None:
    (tmp_path / "line.csv").write_text("x,y\n" + "".join(f"{i},{i * 0.5}\n" for i in range(40)), "utf-8")
    arguments = ("--data", "line.csv", "--optimizer", "adam", "--hidden", "4", "--num", "20", "--seed", "1")
    one, again = (mxcore("lr-find", *arguments, folder=tmp_path) for _ in range(2))
    assert one.returncode == 0, one.stderr
    assert one.stdout == again.stdout
    assert mxcore("lr-find", *arguments, "--optimizer-arg", "beta1=0.5", folder=tmp_path).stdout != one.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--optimizer", "adadelta"), "AdaDelta has no learning rate"),
        (("--start", "2", "--end", "1"), "end must be a number above start=2.0, got 1.0"),
        (("--picture", "rates.gif"), "must end in .pdf, .png or .svg"),
        (("--optimizer", "adm"), "did you mean 'adam'"),
        (("--optimizer-arg", "learning_rate=1"), "the learning rate is to be found, but given as learning_rate=1"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(arguments: tuple[str, ...], message: str, tmp_path: Path) -> None:
    done = mxcore("lr-find", *arguments, folder=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert message in done.stderr
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize("arguments", [(), ("--seed", "1")])
def test_without_mxcore_module_it_says_how_to_install_it(arguments: tuple[str, ...], tmp_path: Path) -> None:
    done = mxcore("lr-find", *arguments, folder=tmp_path, hidden="mxcore-module")
    assert (done.returncode, len(done.stderr.splitlines())) == (2, 1)
    assert "'train' is not installed" in done.stderr
    assert "plugins/module" in done.stderr


def test_its_help_needs_nothing_else(tmp_path: Path) -> None:
    done = mxcore("lr-find", "--help", folder=tmp_path, hidden="mxcore-module")
    assert done.returncode == 0
    assert "--start" in done.stdout


def test_train_without_the_finder_says_how_to_install_it_and_writes_nothing(tmp_path: Path) -> None:
    done = mxcore("train", "--lr-find", folder=tmp_path, hidden="mxcore-lrfind")
    assert (done.returncode, done.stdout) == (2, "")
    assert "'find_learning_rate' is not installed" in done.stderr
    assert "plugins/tools/lrfind" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_training_with_it_is_training_with_the_rate_that_it_suggests(tmp_path: Path) -> None:
    run = ("train", "--seed", "3", "--hidden", "16", "--epochs", "2")
    searched = mxcore(*run, "--lr-find", "--out", "searched", folder=tmp_path)
    assert searched.returncode == 0, searched.stderr
    options = json.loads((tmp_path / "searched/config.json").read_text("utf-8"))["options"]
    found = mxcore("lr-find", "--seed", "3", "--hidden", "16", folder=tmp_path)
    assert f"Suggestion {options['lr']:g}," in found.stdout
    assert f"a learning rate of {options['lr']:g} in" in searched.stdout
    assert mxcore(*run, "--lr", str(options["lr"]), "--out", "given", folder=tmp_path).returncode == 0
    csv = [(tmp_path / name / "metrics.csv").read_bytes() for name in ("searched", "given")]
    assert csv[0] == csv[1]
    # A resumed run keeps the rate instead of searching again.
    resumed = mxcore("train", "--resume", "searched", folder=tmp_path)
    assert resumed.returncode == 0, resumed.stderr
    assert "Found" not in resumed.stdout
    assert (tmp_path / "searched/metrics.csv").read_bytes() == csv[0]


@pytest.mark.parametrize("rate", [("--lr", "0.1"), ("--lr-scheduler-arg", "base_lr=0.1")])
def test_a_rate_cannot_be_given_and_found(rate: tuple[str, ...], tmp_path: Path) -> None:
    done = mxcore("train", "--lr-find", *rate, folder=tmp_path)
    assert done.returncode == 2
    assert "the learning rate is to be found, but given as" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_without_mxcore_plot_there_is_only_no_picture(tmp_path: Path) -> None:
    hidden = "mxcore-plot"
    assert "--picture" in mxcore("lr-find", "--help", folder=tmp_path, hidden=hidden).stdout
    done = mxcore("lr-find", "--picture", "rates.svg", folder=tmp_path, hidden=hidden)
    assert done.returncode == 2
    assert "namespace 'plot' is not installed" in done.stderr
    assert done.stdout == ""
