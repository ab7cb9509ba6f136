"""The command `mxcore train`: its results, its files, and what it refuses before writing anything."""

import os
import re
import signal
import subprocess
import sys
from itertools import pairwise

import numpy as np
import pytest
from mxcore_module.train.recipe import Recipe
from trainings import COMMAND, QUICK, call, column, config, metrics, quick

import mxcore as mx

RUN_FILES = {
    "best-0001.params",
    "best-symbol.json",
    "config.json",
    "curves.png",
    "metrics.csv",
    "model-0001.params",
    "model-0001.states",
    "model-symbol.json",
}

pytestmark = pytest.mark.usefixtures("workplace")


def test_without_options_it_learns_the_digits(workplace):
    result = call()
    assert result.exit_code == 0
    folder = workplace / "mxcore-runs" / "digits-sgd"
    assert f"Results in {folder.relative_to(workplace)}" in result.stdout
    rows = metrics(folder)
    assert column(rows, "validation_accuracy")[-1] > 0.95
    assert [int(row["update"]) for row in rows] == list(range(1, 881))
    assert len(column(rows, "validation_loss")) == 20
    assert sorted(set(column(rows, "learning_rate")), reverse=True) == pytest.approx([0.05, 0.01, 0.002])
    assert f"Seed       {config(folder)['seed']}" in result.stdout


def test_the_default_hyper_parameters_are_those_that_the_help_states():
    text = " ".join(call("--help").output.split())
    assert all(f"{name}={value}" in text for name, value in Recipe().optimizer.arguments.items())


def test_a_run_leaves_its_files_and_nothing_else(workplace):
    result = quick()
    assert {file.name for file in (workplace / "run").iterdir()} == RUN_FILES
    assert all(name in result.stdout for name in RUN_FILES)
    assert (workplace / "run" / "curves.png").read_bytes().startswith(b"\x89PNG")


def test_the_same_seed_gives_the_same_bytes_and_another_one_does_not(workplace):
    for out, seed in (("a", 1), ("b", 1), ("c", 2)):
        quick("--seed", seed, out=out)
    a, b, c = ((workplace / out / "metrics.csv").read_bytes() for out in "abc")
    assert a == b != c


def test_a_fresh_seed_is_recorded_and_repeats_the_run(workplace):
    call("--epochs", 1, "--hidden", 16, "--out", "a")
    quick("--seed", config(workplace / "a")["seed"], out="b")
    assert (workplace / "a" / "metrics.csv").read_bytes() == (workplace / "b" / "metrics.csv").read_bytes()


def test_the_configuration_names_everything_that_took_part(workplace):
    quick("--optimizer", "adam", "--optimizer-arg", "beta1=0.8", "--initializer-arg", "rnd_type=gaussian")
    found = config(workplace / "run")
    assert found["seed"] == 3
    assert found["options"]["optimizer_arg"] == {"beta1": 0.8}
    assert found["optimizer"]["distribution"] == "mxcore-optimizer-adam"
    assert found["optimizer"]["hyperparameters"]["beta1"] == 0.8
    assert found["optimizer"]["hyperparameters"]["beta2"] == 0.999
    assert found["optimizer"]["hyperparameters"]["rescale_grad"] == 1 / 32
    assert found["initializer"]["hyperparameters"]["rnd_type"] == "gaussian"
    assert (
        found["lr_scheduler"]["hyperparameters"] | {"step": [22, 33], "base_lr": 0.001}
        == (found["lr_scheduler"]["hyperparameters"])
    )
    plugins = {found[kind]["distribution"] for kind in ("optimizer", "initializer", "lr_scheduler")}
    assert {"mxcore", "mxcore-module", "python", "numpy"} | plugins <= set(found["versions"])
    assert all(found["versions"].values())


def test_the_saved_model_predicts_what_the_run_measured(workplace):
    from mxcore_module.io import NDArrayIter
    from mxcore_module.module import Module
    from mxcore_module.train.data import load

    import mxcore as mx

    quick()
    mx.random.seed(3)
    held_out = load("digits", None, mx.random.generator("train", "split")).validation
    module = Module.load(str(workplace / "run" / "model"), 1, label_names=["label"])
    rows = NDArrayIter(held_out.x, held_out.y, batch_size=32, label_name="label")
    module.bind(rows.provide_data, rows.provide_label, for_training=False)
    accuracy = np.mean(module.predict(rows).argmax(axis=1) == held_out.y)
    assert accuracy == pytest.approx(column(metrics(workplace / "run"), "validation_accuracy")[-1], abs=1e-6)


@pytest.mark.parametrize(
    ("arguments", "rates"),
    [
        (("--optimizer", "adam"), [0.001, 0.0002, 0.00004]),
        (("--optimizer-arg", "learning_rate=0.5"), [0.5, 0.1, 0.02]),
        (("--lr-scheduler-arg", "base_lr=0.5"), [0.5, 0.1, 0.02]),
        (("--lr-scheduler", "none"), [0.05]),
        (
            ("--lr-scheduler", "factor", "--lr-scheduler-arg", "step=30", "--lr-scheduler-arg", "factor=0.5"),
            [0.05, 0.025],
        ),
        (("--lr-scheduler-arg", "step=[40]", "--lr-scheduler-arg", "factor=0.1"), [0.05, 0.005]),
    ],
)
def test_a_learning_rate_that_is_given_is_what_the_schedule_starts_from(workplace, arguments, rates):
    quick(*arguments)
    assert sorted(set(column(metrics(workplace / "run"), "learning_rate")), reverse=True) == pytest.approx(rates)


def test_lr_is_the_learning_rate_whatever_the_optimizer(workplace):
    for out, options in (("a", ()), ("b", ("--optimizer", "adam"))):
        quick("--lr", "0.5", *options, out=out)
        rates = sorted(set(column(metrics(workplace / out), "learning_rate")), reverse=True)
        assert rates == pytest.approx([0.5, 0.1, 0.02])


def test_an_algorithm_may_be_given_by_any_of_its_names(workplace):
    quick("--optimizer", "mxcore-optimizer-sgd:sgd", "--lr-scheduler", "MultiFactorScheduler")
    assert config(workplace / "run")["lr_scheduler"]["hyperparameters"]["step"] == [22, 33]
    assert config(workplace / "run")["optimizer"]["name"] == "sgd"


def test_a_warm_up_may_begin_above_the_schedulers_own_default_rate(workplace):
    given = ("warmup_steps=10", "warmup_begin_lr=0.02")
    quick(*(word for pair in given for word in ("--lr-scheduler-arg", pair)))
    rates = column(metrics(workplace / "run"), "learning_rate")[:10]
    assert all(low < high for low, high in pairwise(rates))


def test_a_table_of_classes_is_learned(workplace):
    rng = np.random.default_rng(0)
    lines = [f"{x:.3f},{y:.3f},{'above' if y > x else 'below'}" for x, y in rng.normal(size=(200, 2))]
    (workplace / "points.csv").write_text("\n".join(["x,y,side", *lines]), encoding="utf-8")
    result = call("--data", "points.csv", "--hidden", "", "--seed", 1)
    assert result.exit_code == 0
    assert column(metrics(workplace / "mxcore-runs" / "points-sgd"), "validation_accuracy")[-1] > 0.9
    assert config(workplace / "mxcore-runs" / "points-sgd")["data"]["classes"] == ["above", "below"]


def test_real_labels_make_a_regression_measured_in_their_own_unit(workplace):
    x = np.random.default_rng(0).normal(size=(300, 3))
    np.savez(workplace / "plane.npz", x=x, y=1000 * (x @ [1.0, -2.0, 0.5]) + 0.5)
    result = call("--data", "plane.npz", "--hidden", "", "--epochs", 40, "--optimizer-arg", "wd=0", "--seed", 1)
    assert "Validation rmse" in result.stdout
    errors = column(metrics(workplace / "mxcore-runs" / "plane-sgd"), "validation_rmse")
    assert errors[0] > 5 * errors[-1]
    assert errors[-1] < 50 < np.std(1000 * (x @ [1.0, -2.0, 0.5]))


def test_a_default_folder_is_never_one_that_is_there(workplace):
    for _ in range(2):
        call(*QUICK)
    assert {folder.name for folder in (workplace / "mxcore-runs").iterdir()} == {"digits-sgd", "digits-sgd-2"}


def test_an_earlier_run_in_the_folder_is_replaced_as_a_whole_and_other_files_stay(workplace):
    quick("--epochs", 2)
    (workplace / "run" / "notes.txt").write_text("mine", encoding="utf-8")
    again = quick()
    assert "Replacing the earlier run in run" in again.stderr
    assert {file.name for file in (workplace / "run").iterdir()} == RUN_FILES | {"notes.txt"}


def test_a_run_that_diverges_stops_and_keeps_what_it_measured(workplace):
    result = call(*QUICK, "--out", "run", "--optimizer-arg", "learning_rate=1e30", "--lr-scheduler", "none")
    assert result.exit_code == 1
    assert "the loss became nan at update" in result.stderr
    assert "try a lower one" in result.stderr
    rows = metrics(workplace / "run")
    assert rows[-1]["loss"] == "nan"
    assert len(rows) < 44
    assert {file.name for file in (workplace / "run").iterdir()} == {"config.json", "curves.png", "metrics.csv"}


def test_an_interrupted_run_says_so_and_keeps_what_it_measured(workplace):
    command = [*COMMAND, "--epochs", "100000", "--hidden", "16", "--out", "run"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.PIPE, encoding="utf-8") as process:
        assert process.stderr.readline().startswith("Epoch 1/100000: ")
        process.send_signal(signal.SIGINT)
        stdout, stderr = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Interrupted after" in stderr
    assert "partial metrics are kept" in stderr
    assert "Traceback" not in stderr
    assert len(metrics(workplace / "run")) >= 44
    assert "curves.png" in stdout


def test_on_a_terminal_a_live_bar_shows_loss_accuracy_and_rate(workplace):
    ours, theirs = pytest.importorskip("pty", reason="there are no pseudo-terminals").openpty()
    environment = {**os.environ, "COLUMNS": "100", "TERM": "xterm"}
    with subprocess.Popen([*COMMAND, *QUICK], stderr=theirs, stdout=subprocess.PIPE, env=environment) as process:
        os.close(theirs)
        shown = b""
        while chunk := read_terminal(ours):
            shown += chunk
    os.close(ours)
    assert process.returncode == 0
    assert b"\r" in shown
    for word in ("Epoch 1/1", "loss", "accuracy", "rate 0.002"):
        assert word.encode() in shown


def read_terminal(descriptor):
    try:
        return os.read(descriptor, 65536)
    except OSError:  # the other side is closed
        return b""


REFUSED = [
    (("--optimizer", "adm"), "cannot find optimizer 'adm': did you mean 'adam'"),
    (("--initializer", "xavior"), "did you mean 'xavier'"),
    (("--lr-scheduler", "factr"), "did you mean 'factor' or 'multifactor'?"),
    (("--optimizer", "adam", "--optimizer-arg", "beta1=1.2"), "optimizer 'adam': beta1 must be in [0, 1), got 1.2"),
    (("--optimizer-arg", "momentun=0.9"), "no argument 'momentun' (did you mean 'momentum'?): it takes momentum,"),
    (("--optimizer-arg", "lr_scheduler=factor"), "optimizer 'sgd' has no argument 'lr_scheduler'"),
    (("--optimizer-arg", "learning_rate=fast"), "learning_rate must be"),
    (("--initializer", "constant"), "initializer 'constant' needs value: give value=VALUE"),
    (("--initializer", "zero", "--initializer-arg", "x=1"), "initializer 'zero' has no argument 'x': it takes none"),
    (("--initializer-arg", "rnd_type=flat"), "rnd_type must be one of 'uniform', 'gaussian', got 'flat'"),
    (("--lr-scheduler-arg", "step=[5, 3]"), "lr_scheduler 'multifactor': step must"),
    (("--lr-scheduler", "none", "--lr-scheduler-arg", "step=3"), "'none' takes no arguments, got step"),
    (("--lr-scheduler-arg", "base_lr=3", "--optimizer-arg", "learning_rate=1"), "the learning rate is given twice"),
    (("--lr", "0.1", "--optimizer-arg", "learning_rate=1"), "the learning rate is given twice: --lr 0.1"),
    (("--lr", "0.1", "--lr-scheduler-arg", "base_lr=3"), "the learning rate is given twice: learning_rate=0.1"),
    (("--lr", "-1"), "learning_rate must be"),
    (("--optimizer-arg", "momentum"), "expected NAME=VALUE, such as momentum=0.9, got 'momentum'"),
    (("--optimizer-arg", "a=1", "--optimizer-arg", "a=2"), "a is given twice"),
    (("--hidden", "64,x"), "a layer must be 1 to 16384 wide, got 'x' in '64,x'"),
    (("--hidden", "0"), "a layer must be 1 to 16384 wide, got '0'"),
    (("--epochs", "0"), "0 is not in the range x>=1"),
    (("--batch-size", "2000"), "batch size 2000 exceeds the 1437 rows"),
    (("--seed", "-1"), "-1 is not in the range x>=0"),
    (("--data", "nowhere.csv"), "cannot read 'nowhere.csv': No such file or directory"),
    (("--device", "tpu"), "expected cpu, gpu or gpu:N, got 'tpu'"),
    (("--label", "3"), "the digits have their own labels"),
]


@pytest.mark.parametrize(("arguments", "message"), REFUSED, ids=[" ".join(arguments) for arguments, _ in REFUSED])
def test_what_cannot_be_trained_is_refused_before_anything_is_written(workplace, arguments, message):
    result = call(*arguments)
    assert result.exit_code == 2
    assert message in result.stderr
    assert result.stdout == ""
    assert list(workplace.iterdir()) == []


def test_a_gpu_that_cannot_be_used_is_one_clear_line(workplace, monkeypatch):
    monkeypatch.setitem(sys.modules, "cupy", None)
    for name in ("xp", "cuda"):
        monkeypatch.delitem(mx.gpu().backend.__dict__, name, raising=False)
    result = call("--device", "gpu")
    assert result.exit_code == 2
    assert re.fullmatch(r"Error: a GPU needs CuPy, which cannot be imported \(.*\): .*pip install .*\n", result.stderr)
    assert list(workplace.iterdir()) == []


def test_a_folder_that_cannot_be_made_is_refused(workplace):
    (workplace / "file").write_text("", encoding="utf-8")
    result = call(*QUICK, "--out", "file/run")
    assert result.exit_code == 2
    assert "cannot write to the folder 'file/run': Not a directory" in result.stderr


def test_importing_the_command_imports_click_and_nothing_heavy():
    heavy = "{'numpy', 'mxcore', 'sklearn', 'matplotlib', 'rich', 'attrs'} & set(sys.modules)"
    program = f"import sys, mxcore_module.train; print({heavy})"
    assert subprocess.run([sys.executable, "-c", program], capture_output=True, encoding="utf-8").stdout == "set()\n"
