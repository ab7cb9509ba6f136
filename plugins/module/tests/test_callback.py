"""Callbacks report the metric when they are supposed to."""

import logging

import numpy as np
import pytest
from mxcore_module import callback, metric
from mxcore_module.callback import BatchEndParam

import mxcore as mx


def run(called, batches, epochs=1, found=None):
    """Call a callback as a training loop does; each batch adds its number to the metric."""
    for epoch in range(epochs):
        for nbatch in range(batches):
            if found is not None:
                found.update(None, [np.array([float(nbatch)])])
            called(BatchEndParam(epoch, nbatch, found, None))


@pytest.fixture
def lines(caplog):
    caplog.set_level(logging.INFO, logger="mxcore_module.callback")
    return lambda: [record.getMessage().split("\t") for record in caplog.records]


def test_speedometer_reports_each_stretch_of_batches_on_its_own(lines):
    found = metric.create("loss")
    run(callback.Speedometer(batch_size=8, frequent=2), batches=5, found=found)
    assert [line[0] for line in lines()] == ["Epoch[0] Batch [0-2]", "Epoch[0] Batch [2-4]"]
    assert [line[2] for line in lines()] == ["loss=1.000000", "loss=3.500000"]
    assert all(line[1].startswith("Speed: ") and line[1].endswith(" samples/sec") for line in lines())
    assert found.get_global() == ("loss", 2.0)


def test_speedometer_without_reset_reports_from_the_start_of_the_epoch(lines):
    run(callback.Speedometer(8, frequent=2, auto_reset=False), batches=5, found=metric.create("loss"))
    assert [line[0] for line in lines()] == ["Epoch[0] Batch [0-2]", "Epoch[0] Batch [0-4]"]
    assert [line[2] for line in lines()] == ["loss=1.000000", "loss=2.000000"]


def test_speedometer_starts_its_clock_anew_in_every_epoch_and_needs_no_metric(lines):
    run(callback.Speedometer(8, frequent=2), batches=3, epochs=2)
    assert [line[0] for line in lines()] == ["Iter[0] Batch [2]", "Iter[1] Batch [2]"]


def test_the_training_metric_is_logged_at_every_period(lines):
    run(callback.log_train_metric(2), batches=4, found=metric.create("loss"))
    assert lines() == [["Iter[0] Batch[0] Train-loss=0.000000"], ["Iter[0] Batch[2] Train-loss=1.000000"]]


def test_the_logged_metric_may_start_anew(lines):
    run(callback.log_train_metric(2, auto_reset=True), batches=3, found=metric.create("loss"))
    assert [line[0][-8:] for line in lines()] == ["0.000000", "1.500000"]


def test_a_progress_bar_ends_each_epoch_complete(monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", "120")
    run(callback.ProgressBar(total=3, length=10), batches=3, epochs=2, found=metric.create("loss"))
    shown = capsys.readouterr().out.splitlines()
    assert [line.split()[:2] for line in shown] == [["Epoch", "0"], ["Epoch", "1"]]
    assert all("3/3" in line and "loss=1.000000" in line for line in shown)


def test_a_progress_bar_gives_the_screen_back_when_an_epoch_stops_early(capsys):
    for _ in range(2):  # a second live display would be refused while the first one is open
        with callback.ProgressBar(total=3) as bar:
            run(bar, batches=1)
    assert capsys.readouterr().out.count("1/3") == 2


@pytest.fixture
def network():
    from mxcore_module import symbol

    return symbol.FullyConnected(symbol.Variable("data"), num_hidden=2, name="fc")


def test_checkpoints_are_saved_every_period_under_the_number_of_completed_epochs(tmp_path, network):
    save = callback.do_checkpoint(str(tmp_path / "net"), period=2)
    parameters = {"fc_weight": np.ones((2, 3), np.float32), "fc_bias": np.zeros(2, np.float32)}
    for epoch in range(5):
        save(epoch, network, parameters, {})
    assert {file.name for file in tmp_path.iterdir()} == {"net-symbol.json", "net-0002.params", "net-0004.params"}


def test_a_module_checkpoint_holds_the_optimizers_state_if_asked(tmp_path, network):
    from mxcore_module.module import Module

    module = Module(network, label_names=None)
    module.bind([("data", (4, 3))])
    module.init_params(mx.init.create("zero"))
    module.init_optimizer()
    for epoch in range(2):
        callback.module_checkpoint(module, str(tmp_path / "net"), save_optimizer_states=epoch == 1)(epoch, None, None)
    names = {file.name for file in tmp_path.iterdir()}
    assert names == {"net-symbol.json", "net-0001.params", "net-0002.params", "net-0002.states"}


@pytest.mark.parametrize(
    "make",
    [
        lambda: callback.do_checkpoint("x", period=0),
        lambda: callback.module_checkpoint(None, "x", period=0),
        lambda: callback.log_train_metric(0),
        lambda: callback.Speedometer(8, frequent=0),
        lambda: callback.ProgressBar(total=0),
    ],
)
def test_a_period_below_one_is_refused(make):
    with pytest.raises(ValueError, match="must be at least 1, got 0"):
        make()
