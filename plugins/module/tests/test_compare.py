"""The command `mxcore compare`: its results, its files, and what it refuses before writing anything."""

import csv
import html
import os
import re
import shlex
import signal
import subprocess
import sys

import numpy as np
import pytest
from commands import invoke
from mxcore_module.compare import compare, trials
from mxcore_module.compare.entrants import _rates, first_trials, installed
from mxcore_module.compare.plot import draw
from mxcore_module.compare.summary import summarise
from mxcore_module.compare.trials import Outcome, Trial
from mxcore_module.train import train
from mxcore_module.train.run import Measure, Settings

from mxcore.commands.choice import Choice, parse

FILES = {"report.html", "compare.svg", "summary.csv", "runs.csv", "epochs.csv"}
QUICK = ("--workers", "1", "--epochs", "2", "--hidden", "16", "--seeds", "2", "--out", "it")
COMMAND = (sys.executable, "-m", "mxcore", "compare")

pytestmark = pytest.mark.usefixtures("workplace")


def call(*arguments):
    result = invoke(compare, arguments)
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result


def rows(file):
    with file.open(newline="", encoding="utf-8") as text:
        return list(csv.DictReader(text))


def test_optimizers_are_compared_over_rates_and_seeds(workplace):
    result = call("sgd:momentum=0.9", "adam", "--rates", "0.01,0.001", *QUICK)
    assert result.exit_code == 0, result.output
    assert {file.name for file in (workplace / "it").iterdir()} == FILES
    runs = rows(workplace / "it" / "runs.csv")
    assert [(run["optimizer"], run["learning_rate"], run["seed"]) for run in runs] == [
        (name, rate, seed) for name in ("sgd:momentum=0.9", "adam") for rate in ("0.001", "0.01") for seed in "12"
    ]
    first, second = rows(workplace / "it" / "summary.csv")
    best = [float(run["accuracy"]) for run in runs if (run["optimizer"], run["learning_rate"]) == ("adam", "0.01")]
    assert second["best_rate"] == "0.01"
    assert float(second["accuracy"]) == pytest.approx(np.mean(best))
    assert float(second["accuracy_sd"]) == pytest.approx(np.std(best, ddof=1), rel=1e-4)
    assert first["optimizer"] == "sgd:momentum=0.9"
    assert len(rows(workplace / "it" / "epochs.csv")) == 16
    assert "8/8 " in result.stderr
    assert re.search(r"adam +0\.01 +\d", result.stdout)


def test_the_number_of_processes_changes_no_byte_of_what_was_found(workplace):
    for workers in ("1", "2"):
        command = [*COMMAND, "adam", "sgld", "--rates", "0.01", *QUICK[:-1], workers, "--workers", workers]
        done = subprocess.run(command, capture_output=True, encoding="utf-8", check=False)
        assert done.returncode == 0, done.stderr
    for name in ("runs.csv", "epochs.csv"):
        assert (workplace / "1" / name).read_bytes() == (workplace / "2" / name).read_bytes()


def test_a_run_is_what_train_does_with_the_command_on_the_page(workplace):
    call("adam:beta1=0.8", "--rates", "0.003", *QUICK)
    page = (workplace / "it" / "report.html").read_text("utf-8")
    (single,) = re.findall(r"<pre>mxcore train (.*?)</pre>", page, re.DOTALL)
    result = invoke(train, [*shlex.split(single), "--out", "alone"])
    assert result.exit_code == 0, result.output
    alone = [row for row in rows(workplace / "alone" / "metrics.csv") if row["validation_accuracy"]]
    compared = [row for row in rows(workplace / "it" / "epochs.csv") if row["seed"] == "1"]
    assert [row["validation_accuracy"] for row in alone] == [row["accuracy"] for row in compared]
    assert [float(row["validation_loss"]) for row in alone] == pytest.approx(
        [float(row["loss"]) for row in compared], rel=1e-3
    )


def test_the_command_on_the_page_makes_the_same_comparison(workplace):
    call("sgd:momentum=0.9", "--rates", "0.01", "--lr-scheduler", "cosine", *QUICK)
    page = (workplace / "it" / "report.html").read_text("utf-8")
    (command,) = re.findall(r"<pre>mxcore compare (.*?)</pre>", page, re.DOTALL)
    assert call(*shlex.split(command), "--out", "again").exit_code == 0
    assert (workplace / "it" / "runs.csv").read_bytes() == (workplace / "again" / "runs.csv").read_bytes()


def test_the_page_needs_nothing_else_and_names_the_versions(workplace):
    call("sgd", "adam", "--rates", "0.01", *QUICK)
    page = (workplace / "it" / "report.html").read_text("utf-8")
    assert set(re.findall(r"(?:src|href)=\"([^\"]{0,20})", page)) == {"data:image/svg+xml;b"}
    assert "@import" not in page
    assert "url(" not in page
    for name in ("mxcore-optimizer-adam", "mxcore-optimizer-sgd", "numpy", "prefers-color-scheme"):
        assert name in page


def test_unless_rates_are_given_they_surround_the_optimizer_s_own(workplace):
    call("sgd", "adam:learning_rate=0.02", *QUICK[:6], "--seeds", 1, "--epochs", 1, "--out", "it")
    found = [(run["optimizer"], float(run["learning_rate"])) for run in rows(workplace / "it" / "runs.csv")]
    rates = [0.001, 0.00316, 0.01, 0.0316, 0.1]
    assert found == [
        *(("sgd", rate) for rate in rates),
        *(("adam:learning_rate=0.02", pytest.approx(2 * rate, rel=1e-2)) for rate in rates),
    ]


def test_a_wrapper_is_compared_over_rates_around_that_of_what_it_wraps():
    assert _rates(Choice("optimizer", *parse("average(sgd)"))) == _rates(Choice("optimizer", *parse("sgd")))


def warned(result, workplace):
    """Return the warnings about the ends of grids, on the terminal and on the page."""
    warnings = re.findall(r"^Warning: (The best rate.*)$", result.stderr, re.MULTILINE)
    page = html.unescape((workplace / "it" / "report.html").read_text("utf-8"))
    assert all(warning in page for warning in warnings)
    return warnings


def test_a_best_rate_at_the_end_of_its_grid_is_a_warning(workplace):
    (low,) = warned(call("sgd", "--rates", "0.0001,0.01", *QUICK), workplace)
    assert low.startswith("The best rate of sgd, 0.01, is the highest one tried, so a higher one may be better")
    high = call("adam", "--rates", "0.01,0.5,5", *QUICK)
    assert "The best rate of adam, 0.01, is the lowest one tried" in warned(high, workplace)[0]


def test_a_best_rate_within_its_grid_and_one_beside_divergence_and_a_single_one_are_none(workplace):
    assert warned(call("adam", "--rates", "0.00001,0.01,5", *QUICK), workplace) == []
    assert warned(call("sgd", "--rates", "0.00001,0.01,1e30", *QUICK), workplace) == []
    assert warned(call("sgd", "--rates", "0.01", *QUICK), workplace) == []


def test_a_run_that_diverges_is_a_result(workplace):
    result = call("sgd", "--rates", "0.01,1e30", *QUICK)
    assert result.exit_code == 0
    assert "sgd at 1e+30, seed 1: diverged" in result.stderr
    (summary,) = rows(workplace / "it" / "summary.csv")
    assert (summary["best_rate"], summary["diverged"], summary["runs"]) == ("0.01", "2", "4")


def test_where_every_run_diverges_no_rate_is_the_best(workplace):
    result = call("sgd", "--rates", "1e30", *QUICK)
    assert result.exit_code == 0
    sgd = rows(workplace / "it" / "summary.csv")[0]
    assert (sgd["best_rate"], sgd["accuracy"], sgd["diverged"]) == ("", "", "2")
    assert re.search(r"sgd +none +– ", result.stdout)


def test_real_labels_are_compared_by_their_error(workplace):
    x = np.random.default_rng(0).normal(size=(200, 3))
    np.savez(workplace / "plane.npz", x=x, y=x @ [1.0, -2.0, 0.5] + 0.5)
    assert call("sgd", "--rates", "0.0001,0.05", "--data", "plane.npz", *QUICK).exit_code == 0
    (summary,) = rows(workplace / "it" / "summary.csv")
    assert summary["best_rate"] == "0.05"
    assert float(summary["rmse"]) > 0


@pytest.mark.skipif(not hasattr(os, "killpg"), reason="there are no groups of processes")
def test_an_interrupted_comparison_keeps_what_is_finished(workplace):
    command = [*COMMAND, "sgd", "adam", "--epochs", "60", "--seeds", "9", "--out", "it", "--workers", "2"]
    with subprocess.Popen(
        command, stderr=subprocess.PIPE, stdout=subprocess.PIPE, encoding="utf-8", start_new_session=True
    ) as process:
        assert process.stderr.readline().startswith("1/90 ")
        os.killpg(process.pid, signal.SIGINT)  # as a terminal does: to the workers too
        stdout, stderr = process.communicate(timeout=120)
    assert process.returncode == 130
    assert "Interrupted after" in stderr
    assert "Traceback" not in stderr
    assert 1 <= len(rows(workplace / "it" / "runs.csv")) < 90
    assert "Interrupted: " in (workplace / "it" / "report.html").read_text("utf-8")
    assert "report.html" in stdout


def test_on_a_terminal_a_live_bar_shows_the_runs(workplace):
    ours, theirs = pytest.importorskip("pty", reason="there are no pseudo-terminals").openpty()
    environment = {**os.environ, "COLUMNS": "120", "TERM": "xterm"}
    command = [*COMMAND, "sgd", "--rates", "0.01", *QUICK]
    with subprocess.Popen(command, stderr=theirs, stdout=subprocess.PIPE, env=environment) as process:
        os.close(theirs)
        shown = b""
        while chunk := read_terminal(ours):
            shown += chunk
    os.close(ours)
    assert process.returncode == 0
    assert b"2/2" in shown
    assert b"sgd at 0.01" in shown


def read_terminal(descriptor):
    try:
        return os.read(descriptor, 65536)
    except OSError:  # the other side is closed
        return b""


def outcome(rate, score, diverged=False):
    trial = Trial("it", rate, 1, ("digits", None), Settings())
    return Outcome(trial, () if diverged else (Measure(1.0, score),), diverged, 1.0)


def test_a_picture_takes_rates_with_fewer_runs_than_others():
    found = [outcome(0.01, 0.9), outcome(0.01, 0.8), outcome(0.1, 0.7)]
    figure = draw(summarise(found, higher_is_better=True), "accuracy")
    np.testing.assert_allclose(figure.axes[0].lines[0].get_xydata(), [[0.01, 0.85], [0.1, 0.7]])


@pytest.mark.parametrize(
    ("higher", "scores", "best", "good"),
    [
        (True, (0.5, 0.961, 0.97, None), 0.01, [0.001, 0.01]),
        (True, (0.5, 0.95, 0.97, 0.98), 0.1, [0.01, 0.1]),
        (False, (9.0, 1.0, 1.04, 1.2), 0.001, [0.001, 0.01]),
        (True, (None, None, None, None), None, []),
    ],
)
def test_the_best_rate_and_the_good_ones(higher, scores, best, good):
    rates = (0.0001, 0.001, 0.01, 0.1)
    outcomes = [outcome(rate, score, score is None) for rate, score in zip(rates, scores, strict=True)]
    (contestant,) = summarise(outcomes, higher)
    assert (contestant.best and contestant.best.rate) == best
    assert [one.rate for one in contestant.good] == good


def test_tuning_goes_on_to_rates_beyond_the_best_and_stops_there(workplace):
    tuned = ("--tune", "--problem", "least-squares", "--epochs", "1", "--seeds", "1", "--workers", "1", "--out", "it")
    result = call("sgd", "adadelta", "--rates", "0.01", *tuned)
    assert result.exit_code == 0, result.output
    runs = rows(workplace / "it" / "runs.csv")
    rates = {
        name: [float(run["learning_rate"]) for run in runs if run["optimizer"] == name] for name in ("sgd", "adadelta")
    }
    assert rates["adadelta"] == [0.01, 0.0316]  # to which it is all the same
    errors = {float(run["learning_rate"]): float(run["error"] or "inf") for run in runs if run["optimizer"] == "sgd"}
    assert rates["sgd"][0] < min(errors, key=errors.get) < rates["sgd"][-1]
    assert "more, at rates beyond the best" in result.stdout
    assert "may be better" not in result.stderr


@pytest.mark.parametrize(("problem", "least"), [("least-squares", 0.0), ("factorization", 0.1155)])
def test_a_problem_is_minimised_by_exact_gradients(problem, least):
    trial = first_trials(options(["adam"], problem=problem, rates=(0.03,), epochs=6, seeds=2))[1]
    outcome, training = trials.run(trial), trials.prepare(trial)
    assert outcome.last.score < 0.9 * outcome.epochs[0].score
    assert outcome.last.score > least
    weights, evaluate = training.problem.weights, training.problem.evaluate
    loss, grads, _ = evaluate(weights)
    for name, grad in grads.items():
        weights[name].flat[3] += 1e-6
        assert (evaluate(weights)[0] - loss) / 1e-6 == pytest.approx(grad.flat[3], rel=1e-3)
        weights[name].flat[3] -= 1e-6


def test_all_stands_for_what_needs_nothing_but_gradients(workplace):
    names, others = installed()
    assert {"sgd", "adam", "prodigy"} <= set(names)
    assert others["mixed"] == "it needs patterns, optimizers"
    assert not {"lookahead", "ccsgd"} & {*names, *others}
    quick = ("--problem", "least-squares", "--rates", "0.01", "--epochs", "1", "--seeds", "1", "--out", "it")
    result = call("all", *quick)
    assert result.exit_code == 0, result.output
    assert "Left out: mixed (it needs patterns, optimizers)" in result.stderr
    summary = rows(workplace / "it" / "summary.csv")
    assert {row["optimizer"] for row in summary} == set(names)
    errors = [float(row["error"]) for row in summary if row["error"]]
    assert errors == sorted(errors)
    assert "all --problem least-squares" in (workplace / "it" / "report.html").read_text("utf-8")


def options(optimizers, **changed):
    given = {"lr_scheduler": "none", "initializer": "xavier", "hidden": (), "batch_size": None, "data": "digits"}
    return {**given, "label": None, "optimizers": optimizers, **changed}


REFUSED = [
    (("adm",), "cannot find optimizer 'adm': did you mean 'adam'"),
    (("sgd", "cosine"), "cannot find optimizer 'cosine'"),
    (("sgd", "adam:beta1=1.2"), "optimizer 'adam': beta1 must be in [0, 1), got 1.2"),
    (("adam:beta9=1",), "optimizer 'adam' has no argument 'beta9'"),
    (("adam:=1",), "expected NAME or NAME:ARGUMENT=VALUE"),
    (("adam", "adam"), "'adam' is given twice"),
    (("adam", "--rates", "fast"), "expected numbers such as 0.001,0.01,0.1, got 'fast'"),
    (("adam", "--rates", "0"), "a learning rate must be a number above 0, got '0'"),
    (("adam", "--seeds", "0"), "0 is not in the range x>=1"),
    (("adam", "--data", "nowhere.csv"), "cannot read 'nowhere.csv'"),
    (("adam", "--lr-scheduler", "factr"), "did you mean 'factor'"),
    (("adam", "--problem", "factorization", "--hidden", "8"), "--hidden is for networks"),
    (("adam", "--batch-size", "2000"), "batch size 2000 exceeds the 1437 rows"),
    ((), "Missing argument"),
]


@pytest.mark.parametrize(("arguments", "message"), REFUSED, ids=[" ".join(arguments) for arguments, _ in REFUSED])
def test_what_cannot_be_compared_is_refused_before_anything_is_written(workplace, arguments, message):
    result = call(*arguments)
    assert result.exit_code == 2
    assert message in result.stderr
    assert list(workplace.iterdir()) == []


def test_importing_the_command_imports_click_and_nothing_heavy():
    heavy = "{'numpy', 'mxcore', 'sklearn', 'matplotlib', 'rich', 'attrs'} & set(sys.modules)"
    program = f"import sys, mxcore_module.compare; print({heavy})"
    assert subprocess.run([sys.executable, "-c", program], capture_output=True, encoding="utf-8").stdout == "set()\n"
