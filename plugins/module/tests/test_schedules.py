"""Schedules by name in a run: adapted to its length, combined, and told the validation metric."""

import numpy as np
import pytest
from mxcore_module.train.recipe import Recipe
from trainings import QUICK, call, config, metrics, quick

import mxcore as mx
from mxcore.commands.choice import Choice

pytestmark = pytest.mark.usefixtures("workplace")

# A function, or other schedules.
NOT_BY_NAME = {"lambda", "warmup", "join", "product", "scale", "clamp", "repeat"}
ALONE = sorted({record.name for record in mx.catalogue.records("lr_scheduler")} - NOT_BY_NAME)


@pytest.mark.parametrize("updates", [1, 5, 700])
@pytest.mark.parametrize("name", ALONE)
def test_a_name_alone_fits_the_run_and_starts_from_the_learning_rate(name: str, updates: int) -> None:
    optimizer = Choice("optimizer", "sgd", {"learning_rate": 0.3})
    recipe = Recipe(optimizer=optimizer, lr_scheduler=Choice("lr_scheduler", name)).for_updates(updates)
    schedule = recipe.create_optimizer(1).lr_scheduler
    assert schedule.base_lr == 0.3
    rates = mx.lr_scheduler.evaluate(schedule, np.arange(1, updates + 1))
    assert np.isfinite(rates).all()
    if updates > 100 and name != "reduceonplateau":
        assert len(set(rates)) > 1


def test_an_argument_that_was_given_keeps_the_others_at_their_defaults() -> None:
    choice = Choice("lr_scheduler", "cyclic", {"gamma": 0.5})
    recipe = Recipe(lr_scheduler=choice).for_updates(700)
    assert recipe.create_optimizer(1).lr_scheduler.step_size_up == 2000


def test_a_maximum_is_the_learning_rate_under_another_name(workplace) -> None:
    quick("--lr-scheduler", "onecycle", "--lr-scheduler-arg", "max_lr=0.2")
    rates = [float(row["learning_rate"]) for row in metrics(workplace / "run")]
    assert max(rates) == pytest.approx(0.2, rel=0.01)
    assert call(*QUICK, "--lr", "0.1", "--lr-scheduler", "onecycle", "--lr-scheduler-arg", "max_lr=0.2").exit_code == 2


def test_a_combination_is_recorded_and_resumed(workplace, stop_after) -> None:
    given = ("--lr", "0.1", "--lr-scheduler", "warmup(cosine(max_update=44), warmup_steps=10)", "--epochs", "2")
    quick(*given, out="whole")
    stop_after(60)
    assert call(*QUICK, *given, "--out", "run").exit_code == 130
    assert call("--resume", "run").exit_code == 0
    assert metrics(workplace / "run") == metrics(workplace / "whole")
    after = config(workplace / "run")["lr_scheduler"]["hyperparameters"]["after"]
    assert (after[0], after[1]["max_update"]) == ("cosine", 44)


# Never better by 99 %, so that each epoch after the first is bad.
PLATEAU = ("--lr-scheduler", "reduceonplateau(patience=0, threshold=0.99, factor=0.5)", "--lr", "0.1", "--epochs", "4")


def test_a_run_tells_its_schedule_the_validation_loss_and_resumes_where_it_was(workplace, stop_after) -> None:
    quick(*PLATEAU, out="whole")
    rates = [float(row["learning_rate"]) for row in metrics(workplace / "whole")]
    assert sorted(set(rates), reverse=True) == pytest.approx([0.1, 0.05, 0.025])
    stop_after(3 * 44 + 20)
    assert call(*QUICK, *PLATEAU, "--out", "run").exit_code == 130
    assert call("--resume", "run").exit_code == 0
    assert metrics(workplace / "run") == metrics(workplace / "whole")


def test_fit_tells_the_schedule_the_first_validation_metric() -> None:
    rng = np.random.default_rng(0)
    data = mx.io.NDArrayIter(rng.normal(size=(20, 3)), rng.normal(size=(20, 1)), 10, label_name="lro_label")
    output = mx.sym.FullyConnected(mx.sym.Variable("data"), num_hidden=1, name="fc")
    module = mx.mod.Module(
        mx.sym.LinearRegressionOutput(output, mx.sym.Variable("lro_label"), name="lro"), label_names=["lro_label"]
    )
    schedule = mx.lr_scheduler.create("reduceonplateau", base_lr=1e-3, patience=0, threshold=0.5, factor=0.5)
    seen: list[float] = []
    module.fit(
        data,
        data,
        eval_metric="mse",
        num_epoch=3,
        optimizer_params={"lr_scheduler": schedule.warmup(0)},
        eval_end_callback=lambda at: seen.append(at.eval_metric.get()[1]),
    )
    assert len(seen) == 3
    assert (schedule.best, schedule.reductions) == (seen[0], 2)
