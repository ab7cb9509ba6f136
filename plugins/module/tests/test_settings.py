"""Groups, clipping, accumulation and averages, of `Module.fit` and of the command `mxcore train`."""

import json
import subprocess

import numpy as np
import pytest
from mxcore_module import checkpoint
from mxcore_module.module import Module
from mxcore_module.train.data import load
from trainings import COMMAND, QUICK, call, column, config, metrics, quick

import mxcore as mx

# --- Module.fit ------------------------------------------------------------------------------------------------------


def fitted(**settings):
    """A module after an epoch of eight batches of four rows, and the network's initial values."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(32, 3)).astype(np.float32)
    batches = mx.io.NDArrayIter(x, 10 * x[:, 0], batch_size=4, label_name="out_label")
    hidden = mx.sym.FullyConnected(mx.sym.Variable("data"), num_hidden=5, name="stem")
    output = mx.sym.FullyConnected(hidden, num_hidden=1, name="head")
    module = Module(mx.sym.LinearRegressionOutput(output, name="out"), label_names=["out_label"])
    mx.random.seed(1)
    module.bind(batches.provide_data, batches.provide_label)
    module.init_params(mx.init.create("xavier"))
    before = module.get_params()[0]
    module.fit(batches, eval_metric="mse", optimizer="sgd", optimizer_params=settings, num_epoch=1)
    return module, before


def test_fit_takes_groups_accumulation_and_a_bound_on_the_norm():
    groups = {"stem_weight": {"frozen": True}, ".*_bias": {"learning_rate": 0.01}}
    module, before = fitted(learning_rate=0.1, groups=groups, accumulate=2, clip_global_norm=1.0)
    after = module.get_params()[0]
    moved = {name: float(np.linalg.norm(after[name] - before[name])) for name in after}
    assert module.optimizer.num_update == 4
    assert moved["stem_weight"] == 0
    # The bound holds for every update, and is what limits the first ones.
    assert 0.1 < moved["head_weight"] <= 4 * 0.1 + 1e-6
    assert 0 < max(moved["stem_bias"], moved["head_bias"]) <= 4 * 0.01 + 1e-6


def test_fit_without_a_bound_goes_farther():
    groups = {"stem_weight": {"frozen": True}}
    module, before = fitted(learning_rate=0.1, groups=groups, accumulate=2)
    assert np.linalg.norm(module.get_params()[0]["head_weight"] - before["head_weight"]) > 0.5


def test_patterns_match_the_names_that_indices_stand_for():
    module, _ = fitted(learning_rate=0.1, groups={"head_": {"learning_rate": 0.001}})
    rates = [module.optimizer.settings_of(index)["learning_rate"] for index in range(4)]
    assert module.optimizer.idx2name == dict(enumerate(["stem_weight", "stem_bias", "head_weight", "head_bias"]))
    assert rates == [0.1, 0.1, 0.001, 0.001]


def test_fit_warns_of_a_group_without_parameters():
    with pytest.warns(UserWarning, match="'haed_' matches the start of no parameter's name: did you mean 'head_"):
        fitted(groups={"haed_": {"frozen": True}})


# --- mxcore train ----------------------------------------------------------------------------------------------------


def train(*arguments):
    return subprocess.run([*COMMAND, *map(str, arguments)], capture_output=True, encoding="utf-8", check=False)


def test_a_file_that_cannot_be_used_is_named_in_one_line(workplace):
    (workplace / "bad.toml").write_text("[.*_bias]\nwd = 0\n", encoding="utf-8")
    done = train("--groups", "bad.toml")
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.startswith("Error: bad.toml is not a TOML file: ")
    assert done.stderr.count("\n") == 1


def optimizer(folder):
    return config(folder)["optimizer"]["hyperparameters"]


def saved(folder, name):
    (file,) = folder.glob(f"{name}-[0-9]*.params")
    return checkpoint.load_parameters(file)[0]


def test_groups_may_be_typed_and_the_frozen_ones_stay(workplace):
    for out, epochs in (("a", 1), ("b", 3)):
        quick(
            "--epochs", epochs, "--group", "fc1_", "frozen=True", "--group", ".*_bias", "wd=0,learning_rate=0", out=out
        )
    a, b = (saved(workplace / out, "model") for out in "ab")
    assert {name for name in a if np.array_equal(a[name], b[name])} == {"fc1_weight", "fc1_bias", "fc2_bias"}
    assert optimizer(workplace / "a")["groups"] == {
        "fc1_": {"frozen": True},
        ".*_bias": {"wd": 0, "learning_rate": 0},
    }


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("groups.toml", '[".*_bias"]\nwd = 0.5\nlearning_rate = 0.01\n[fc1_]\nfrozen = true\n'),
        ("groups.json", '{".*_bias": {"wd": 0.5, "learning_rate": 0.01}, "fc1_": {"frozen": true}}'),
    ],
)
def test_groups_in_a_file_are_those_that_could_be_typed(workplace, name, text):
    (workplace / name).write_text(text, encoding="utf-8")
    quick("--groups", name, out="file")
    quick("--group", ".*_bias", "wd=0.5,learning_rate=0.01", "--group", "fc1_", "frozen=True", out="typed")
    quick(out="plain")
    typed, file, plain = (metrics(workplace / out) for out in ("typed", "file", "plain"))
    assert typed == file != plain


def test_typed_groups_come_before_those_of_a_file(workplace):
    (workplace / "groups.toml").write_text('["fc"]\nlearning_rate = 0.01\n', encoding="utf-8")
    quick("--groups", "groups.toml", "--group", "fc1_", "wd=0")
    assert list(optimizer(workplace / "run")["groups"]) == ["fc1_", "fc"]


def test_a_bound_on_the_norm_bounds_each_update(workplace):
    plain = ("--lr", "0.1", "--lr-scheduler", "none", "--optimizer", "sgd")
    (workplace / "one.csv").write_text("\n".join(["a,b", *(f"{i}.5,{i % 2}" for i in range(12))]), encoding="utf-8")
    one = ("--data", "one.csv", "--batch-size", 9, "--epochs", 1, "--hidden", "", "--seed", 1, *plain)
    for out, bound in (("a", 1e-6), ("b", 0.25)):
        assert train(*one, "--clip-norm", bound, "--out", out).returncode == 0
    a, b = (saved(workplace / out, "model") for out in "ab")
    step = np.sqrt(sum(np.sum((a[name] - b[name]) ** 2) for name in a))
    assert step == pytest.approx(0.1 * 0.25, rel=1e-3)
    assert optimizer(workplace / "b")["clip_global_norm"] == 0.25


def test_accumulated_batches_make_one_update_that_schedules_count(workplace):
    (workplace / "table.csv").write_text("\n".join(["a,b", *(f"{i}.5,{i % 2}" for i in range(80))]), encoding="utf-8")
    table = ("--data", "table.csv", "--batch-size", 8, "--hidden", 4, "--epochs", 3, "--seed", 1)
    done = train(*table, "--accumulate", 4, "--out", "run")
    assert "3 epochs, 6 updates of 4 × 8 rows" in done.stdout
    rows = metrics(workplace / "run")
    rates = column(rows, "learning_rate")
    assert len(rows) == 24  # one for each batch
    # From the fourth update on, and from the fifth: the rate is that of the last update.
    assert [rates.index(rate) for rate in dict.fromkeys(rates)] == [0, 15, 19]
    assert config(workplace / "run")["updates"] == 6
    assert config(workplace / "run")["lr_scheduler"]["hyperparameters"]["step"] == [3, 4]


def test_an_average_is_what_is_validated_and_saved_as_the_best(workplace):
    done = quick("--average", "--optimizer", "adam")
    quick("--optimizer", "adam", out="plain")
    assert "average(adam)" in done.stdout
    trained, best = (saved(workplace / "run", name) for name in ("model", "best"))
    assert not np.array_equal(trained["fc1_weight"], best["fc1_weight"])
    # The steps are the same; only the weights to evaluate with differ.
    assert column(metrics(workplace / "run"), "loss") == column(metrics(workplace / "plain"), "loss")
    np.testing.assert_array_equal(trained["fc1_weight"], saved(workplace / "plain", "model")["fc1_weight"])
    held_out = held_out_rows()
    module = Module.load(str(workplace / "run" / "best"), 1, label_names=["label"])
    module.bind(held_out.provide_data, held_out.provide_label, for_training=False)
    ((_, accuracy),) = module.score(held_out, "acc")
    measured = column(metrics(workplace / "run"), "validation_accuracy")
    assert [accuracy] == pytest.approx(measured, abs=1e-6)
    assert measured != column(metrics(workplace / "plain"), "validation_accuracy")


def held_out_rows():
    mx.random.seed(3)
    rows = load("digits", None, mx.random.generator("train", "split")).validation
    return mx.io.NDArrayIter(rows.x, rows.y, batch_size=36, label_name="label")


def test_an_average_is_over_a_tenth_of_the_updates_unless_it_is_given(workplace):
    quick("--average", "--accumulate", 2)
    assert optimizer(workplace / "run")["beta"] == pytest.approx(1 - 1 / 2.2, abs=1e-6)
    quick("--average", "--optimizer-arg", "beta=0.5", "--optimizer", "mxcore-optimizer-adam:adam")
    assert optimizer(workplace / "run")["beta"] == 0.5
    inner = optimizer(workplace / "run")["optimizer"]
    assert (inner["name"], inner["hyperparameters"]["beta1"]) == ("adam", 0.9)
    assert {"mxcore-optimizer-adam", "mxcore-optimizer-average"} <= config(workplace / "run")["versions"].keys()


def test_a_wrapped_optimizer_starts_from_its_own_default_rate(workplace):
    quick("--optimizer", "average(adam, beta=0.5)")
    assert column(metrics(workplace / "run"), "learning_rate")[0] == 0.001


def test_a_run_with_all_of_these_is_resumed_to_the_same_bytes(workplace):
    (workplace / "groups.json").write_text(json.dumps({".*_bias": {"wd": 0}}), encoding="utf-8")
    given = ("--average", "--accumulate", 3, "--clip-norm", 1, "--group", "fc1_w", "learning_rate=0.02")
    given = (*given, "--groups", "groups.json", "--epochs", 3, "--hidden", 16, "--seed", 1)
    assert train(*given, "--out", "whole").returncode == 0
    stop = """
import mxcore as mx
from mxcore_module.train import train
class Stop:
    left = 20
    @mx.hooks.hookimpl
    def mxcore_after_step(self):
        self.left -= 1
        if not self.left:
            raise KeyboardInterrupt
mx.hooks.register(Stop())
train()
"""
    stopped = [*COMMAND[:2], stop, *map(str, given), "--out", "run"]
    assert subprocess.run(stopped, capture_output=True, check=False).returncode == 130
    done = train("--resume", "run")
    assert done.returncode == 0, done.stderr
    assert "after 1 of 3 epochs" in done.stderr  # 44 batches, so that two were waiting for a third
    for file in ("metrics.csv", "model-0003.params", "model-0003.states"):
        assert (workplace / "run" / file).read_bytes() == (workplace / "whole" / file).read_bytes()


def test_a_file_of_groups_that_has_changed_makes_another_run(workplace):
    (workplace / "groups.toml").write_text('[".*_bias"]\nwd = 0\n', encoding="utf-8")
    quick("--groups", "groups.toml")
    (workplace / "groups.toml").write_text('[".*_bias"]\nwd = 1\n', encoding="utf-8")
    done = train("--resume", "run")
    assert done.returncode == 2
    assert "different run" in done.stderr
    assert "groups..*_bias.wd was 0, is now 1" in done.stderr


REFUSED = [
    (("--group", "fc1_", "wd"), "the group 'fc1_': expected NAME=VALUE,…, such as wd=0,learning_rate=0.01, got 'wd'"),
    (("--group", "fc1_", ""), "got '': there are no settings"),
    (("--group", "*", "wd=0"), "the pattern '*' is not a regular expression: nothing to repeat"),
    (("--group", "fc1_", "wdd=0"), "optimizer 'sgd': groups['fc1_']: SGD has no 'wdd': did you mean 'wd'?"),
    (("--group", "fc1_", "frozen=yes"), "frozen must be True or False, got 'yes'"),
    (("--group", "fc9_", "wd=0"), "groups: 'fc9_' matches the start of no parameter's name: did you mean 'fc"),
    (("--group", "fc1_", "wd=0", "--group", "fc1_", "wd=1"), "the group 'fc1_' is given twice: put all"),
    (("--group", "fc1_"), "Option '--group' requires 2 arguments"),
    (("--group", "fc1_", "wd=0", "--groups", "good.toml"), "the group 'fc1_' is given twice: --group and good.toml"),
    (("--groups", "good.toml", "--optimizer-arg", "groups={}"), "groups are given twice"),
    (("--groups", "wrong.toml"), "wrong.toml: optimizer 'sgd': groups['fc1_']: wd must be"),
    (("--groups", "flat.json"), "flat.json: groups: the settings of 'fc1_' must be a dict by name, got 0"),
    (("--groups", "missing.toml"), "cannot read 'missing.toml': No such file or directory"),
    (("--clip-norm", "-1"), "clip_global_norm must be None or a number above 0, got -1.0"),
    (("--clip-norm", "1", "--optimizer-arg", "clip_global_norm=1"), "is given twice: --clip-norm 1.0 and"),
    (("--accumulate", "0"), "0 is not in the range x>=1"),
    (("--accumulate", "2", "--optimizer-arg", "accumulate=2"), "accumulate is given twice"),
    (("--accumulate", "45"), "accumulating 45 batches exceeds the 44 batches of the run: lower it"),
    (("--average", "--optimizer", "average(adam)"), "optimizer 'average(adam)' averages already: leave out --average"),
]


@pytest.mark.parametrize(("arguments", "message"), REFUSED, ids=[" ".join(arguments) for arguments, _ in REFUSED])
def test_settings_that_cannot_be_used_are_refused_in_one_line(workplace, arguments, message):
    files = {"good.toml": "[fc1_]\nwd = 0\n", "wrong.toml": '[fc1_]\nwd = "much"\n', "flat.json": '{"fc1_": 0}'}
    for name, text in files.items():
        (workplace / name).write_text(text, encoding="utf-8")
    done = call(*QUICK, "--out", "run", *arguments)
    assert done.exit_code == 2
    assert message in done.stderr
    assert done.stderr.splitlines()[-1].startswith("Error: ")
    assert done.stdout == ""
    assert {file.name for file in workplace.iterdir()} == files.keys()
