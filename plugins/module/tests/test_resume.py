"""`mxcore train --resume`: a run stopped at any point ends with the same bytes as one that was not stopped."""

import json
import re
import signal
import subprocess
import sys

import pytest
from trainings import QUICK, call, config, metrics, quick

pytestmark = pytest.mark.usefixtures("workplace")

LONG = ("--epochs", "12", "--hidden", "16", "--seed", "3", "--optimizer", "adam")


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory):
    """The files of a run that was not stopped, apart from the name of its folder."""
    folder = tmp_path_factory.mktemp("whole") / "run"
    assert call(*LONG, "--out", folder).exit_code == 0
    return contents(folder)


def contents(folder):
    files = {file.name: file.read_bytes() for file in folder.iterdir()}
    return files | {"config.json": re.sub(rb'"out": ".*"', b"", files["config.json"])}


STOPPED = """
import os, signal, sys
import mxcore as mx
from mxcore_module.train import train

class Stop:
    updates = 0
    @mx.hooks.hookimpl
    def mxcore_after_step(self):
        self.updates += 1
        if self.updates == 3 * 44 + 10:
            os.kill(os.getpid(), int(sys.argv.pop(1)))

signal.signal(signal.SIGINT, signal.default_int_handler)  # the test runner may ignore it, which would be inherited
mx.hooks.register(Stop())
train(sys.argv[2:], prog_name="mxcore train")
"""


@pytest.mark.skipif(sys.platform == "win32", reason="no signal can be sent to a process")
@pytest.mark.parametrize(("name", "status"), [("SIGKILL", -9), ("SIGINT", 130), ("SIGTERM", -15)])
def test_a_run_that_was_stopped_is_resumed_to_the_same_bytes(workplace, uninterrupted, name, status):
    command = [sys.executable, "-c", STOPPED, str(int(getattr(signal, name))), *LONG, "--out", "run"]
    done = subprocess.run(command, capture_output=True, encoding="utf-8", check=False)
    assert done.returncode == status, done.stderr
    assert ("Resume with: mxcore train --resume run" in done.stderr) == (status == 130)
    assert len(metrics(workplace / "run")) >= 3 * 44 + 9
    result = call("--resume", "run")
    assert result.exit_code == 0, result.output
    assert "Resuming the run in run after 3 of 12 epochs" in result.stderr
    assert contents(workplace / "run") == uninterrupted


def test_a_run_may_be_stopped_anywhere_and_again_and_again(workplace, uninterrupted, stop_after):
    arguments = (*LONG, "--out", "run")
    for updates in (1, 44, 45, 60, 88, 200):  # of each attempt: nothing saved yet, an epoch's last and first update
        stop_after(updates)
        stopped = call(*arguments)
        assert stopped.exit_code == 130
        assert "Resume with: mxcore train --resume run" in stopped.stderr
        arguments = ("--resume", "run")
    assert call(*arguments).exit_code == 0
    assert contents(workplace / "run") == uninterrupted


def test_a_kill_between_two_files_of_a_checkpoint_is_survived(workplace, uninterrupted, stop_after):
    stop_after(3 * 44 + 1)
    call(*LONG, "--out", "run")
    (workplace / "run" / "model-0004.params").write_bytes(b"the first of two files of the next epoch")
    (workplace / "run" / "best-0004.params").write_bytes(b"and its copy")
    with (workplace / "run" / "metrics.csv").open("a", encoding="utf-8") as file:
        file.write("134,4,0.1")
    assert "after 3 of 12 epochs" in call("--resume", "run").stderr
    assert contents(workplace / "run") == uninterrupted


def test_resuming_a_run_that_ended_draws_what_is_missing_and_changes_nothing(workplace):
    quick()
    before = contents(workplace / "run")
    (workplace / "run" / "curves.png").unlink()
    assert call("--resume", "run").exit_code == 0
    assert contents(workplace / "run") == before


def test_noise_that_is_drawn_during_a_run_goes_on_where_it_was(workplace, stop_after):
    noisy = ("--optimizer", "sgld", "--lr", "1e-4", "--epochs", "3")
    quick(*noisy, out="whole")
    stop_after(60)
    assert call(*QUICK, *noisy, "--out", "run").exit_code == 130
    assert call("--resume", "run").exit_code == 0
    assert contents(workplace / "run") == contents(workplace / "whole")


def test_the_best_and_the_last_model_are_kept(workplace):
    quick("--epochs", "8", "--lr", "0.3", "--lr-scheduler", "none")
    held_out = [row for row in metrics(workplace / "run") if row["validation_loss"]]
    best = max(held_out, key=lambda row: (float(row["validation_accuracy"]), -float(row["validation_loss"])))
    assert best["epoch"] != "8", "a run whose last epoch is the best tests nothing"
    models = {file.name for file in (workplace / "run").iterdir() if file.suffix in (".params", ".states")}
    assert models == {"model-0008.params", "model-0008.states", f"best-000{best['epoch']}.params"}


def test_a_run_that_diverges_later_keeps_the_model_before(workplace):
    warm_up = ("warmup_steps=100", "warmup_begin_lr=0.01", "warmup_mode=constant")
    given = (word for pair in warm_up for word in ("--lr-scheduler-arg", pair))
    result = call(*QUICK, "--out", "run", "--epochs", 5, "--lr", "1e30", *given)
    assert result.exit_code == 1
    assert "and the model of epoch 2" in result.stderr


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda config: config["optimizer"]["hyperparameters"].update(beta1=0.5),
            "hyperparameters.beta1 was 0.5, is now 0.9",
        ),
        (lambda config: config["data"].update(digest="0"), 'data.digest was "0"'),
        (lambda config: config.update(seed=4), "this would be a different run"),
        (lambda config: config["options"].pop("lr"), "created by another version of mxcore-module"),
        (lambda config: config.pop("options"), "was not written by `mxcore train`"),
    ],
)
def test_what_would_be_another_run_is_not_resumed(workplace, change, message):
    quick("--optimizer", "adam")
    before = contents(workplace / "run")
    changed = config(workplace / "run")
    change(changed)
    (workplace / "run" / "config.json").write_text(json.dumps(changed), encoding="utf-8")
    result = call("--resume", "run")
    if message == "this would be a different run":  # the validation rows differ
        assert "data.digest" in result.stderr
    assert result.exit_code == 2
    assert message in result.stderr
    assert {name: data for name, data in contents(workplace / "run").items() if name != "config.json"} == {
        name: data for name, data in before.items() if name != "config.json"
    }


def test_another_version_is_a_warning(workplace):
    quick()
    changed = config(workplace / "run")
    changed["versions"]["numpy"] = "1.0"
    (workplace / "run" / "config.json").write_text(json.dumps(changed), encoding="utf-8")
    result = call("--resume", "run")
    assert result.exit_code == 0
    assert 'Warning: numpy was "1.0", is now "' in result.stderr


def test_a_folder_without_a_whole_run_is_refused(workplace):
    (workplace / "empty").mkdir()
    (workplace / "other").mkdir()
    (workplace / "other" / "config.json").write_text("[1, 2]", encoding="utf-8")
    quick()
    (workplace / "run" / "metrics.csv").write_text("update,epoch\n1,1\n", encoding="utf-8")
    for folder, message in (
        ("nowhere", "there is no run to resume in 'nowhere': config.json cannot be read: No such file"),
        ("empty", "there is no run to resume in 'empty'"),
        ("other", "'other/config.json' was not written by `mxcore train`"),
        ("run", "run/metrics.csv lacks some of the 44 updates of the saved model"),
    ):
        result = call("--resume", folder)
        assert result.exit_code == 2
        assert message in result.stderr
    (workplace / "run" / "model-0001.params").write_bytes(b"damaged")
    assert "cannot resume from epoch 1 in 'run'" in call("--resume", "run").stderr


def test_a_resumed_run_takes_no_other_option(workplace):
    quick()
    result = call("--resume", "run", "--epochs", 3)
    assert result.exit_code == 2
    assert "leave out --epochs" in result.stderr
