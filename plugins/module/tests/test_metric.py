"""Metrics equal scikit-learn's and their closed forms, and average as MXNet's do."""

import math

import numpy as np
import pytest
import sklearn.metrics
from hypothesis import given
from hypothesis import strategies as st
from mxcore_module import metric

import mxcore as mx

SEVERAL = st.integers(2, 6)


@st.composite
def batches(draw, classes=SEVERAL):
    """Return a few batches of labels and of rows of probabilities."""
    count = draw(classes)
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    sizes = draw(st.lists(st.integers(1, 20), min_size=1, max_size=4))
    return [(rng.integers(0, count, size), rng.dirichlet(np.ones(count), size)) for size in sizes]


def value(name, given, **options):
    found = metric.create(name, **options)
    for label, pred in given:
        found.update([label], [pred])
    return found.get()[1]


def joined(given):
    return tuple(np.concatenate(arrays) for arrays in zip(*given, strict=True))


@given(batches())
def test_accuracy_is_the_share_of_hits_over_all_batches(given):
    label, pred = joined(given)
    assert value("acc", given) == pytest.approx(sklearn.metrics.accuracy_score(label, pred.argmax(axis=1)))


@given(batches(classes=st.integers(3, 6)))
def test_top_k_accuracy_is_scikit_learns(given):
    label, pred = joined(given)
    labels = np.arange(pred.shape[1])
    expected = sklearn.metrics.top_k_accuracy_score(label, pred, k=2, labels=labels)
    assert value("top_k_accuracy", given, top_k=2) == pytest.approx(expected)


@given(batches())
def test_cross_entropy_is_scikit_learns_log_loss(given):
    label, pred = joined(given)
    expected = sklearn.metrics.log_loss(label, pred, labels=np.arange(pred.shape[1]))
    assert value("ce", given) == pytest.approx(expected, rel=1e-6)


@given(batches(classes=st.just(2)))
def test_micro_f1_is_scikit_learns_over_all_samples(given):
    label, pred = joined(given)
    expected = sklearn.metrics.f1_score(label, pred.argmax(axis=1), zero_division=0)
    assert value("f1", given, average="micro") == pytest.approx(expected)


@given(batches(classes=st.just(2)))
def test_macro_f1_is_the_mean_over_batches(given):
    each = [sklearn.metrics.f1_score(label, pred.argmax(axis=1), zero_division=0) for label, pred in given]
    assert value("f1", given) == pytest.approx(np.mean(each))


@pytest.mark.parametrize(
    ("name", "formula"),
    [
        ("mse", lambda d: np.mean(d**2)),
        ("mae", lambda d: np.mean(np.abs(d))),
        ("rmse", lambda d: np.sqrt(np.mean(d**2))),
    ],
)
@given(batches())
def test_errors_are_means_over_batches_of_means_within_them(name, formula, given):
    pairs = [(label, pred[:, 0]) for label, pred in given]
    assert value(name, pairs) == pytest.approx(np.mean([formula(label - pred) for label, pred in pairs]))


def test_loss_is_the_mean_of_the_outputs():
    loss = metric.create("loss")
    loss.update(None, [np.array([1.0, 2.0]), np.array([[6.0]])])
    assert loss.get() == ("loss", 3.0)


@pytest.mark.parametrize("shape", [(4,), (4, 1)])
def test_a_column_of_predictions_matches_a_row_of_labels(shape):
    assert value("mse", [(np.arange(4.0), np.arange(4.0).reshape(shape) + 1)]) == 1.0


def test_accuracy_takes_classes_as_well_as_probabilities():
    assert value("acc", [(np.array([0, 1, 2]), np.array([0.0, 1.0, 1.0]))]) == pytest.approx(2 / 3)


def test_accuracy_counts_along_the_axis_it_is_given():
    label, pred = np.array([[0, 1]]), np.array([[[0.9, 0.1], [0.2, 0.8]]])  # (samples, positions, classes)
    assert value("acc", [(label, pred)], axis=2) == 1.0


@pytest.mark.parametrize(
    ("alias", "reported"),
    [
        ("acc", "accuracy"),
        ("accuracy", "accuracy"),
        ("Accuracy", "accuracy"),
        ("ce", "cross-entropy"),
        ("cross-entropy", "cross-entropy"),
        ("crossentropy", "cross-entropy"),
        ("mse", "mse"),
        ("mae", "mae"),
        ("rmse", "rmse"),
        ("f1", "f1"),
        ("loss", "loss"),
    ],
)
def test_aliases_make_the_metric_that_is_reported_under_one_name(alias, reported):
    assert metric.create(alias).name == reported


@pytest.mark.parametrize("alias", ["top_k_accuracy", "top_k_acc", "TopKAccuracy"])
def test_top_k_accuracy_reports_its_k(alias):
    assert metric.create(alias, top_k=3).name == "top_k_accuracy_3"


def test_before_the_first_batch_a_metric_is_not_a_number():
    assert all(math.isnan(metric.create(name).get()[1]) for name in ("acc", "mse", "f1", "loss"))


def test_several_metrics_report_together():
    both = metric.create(["acc", metric.create("ce")])
    both.add("loss")
    assert both.get()[0] == ["accuracy", "cross-entropy", "loss"]
    assert [name for name, _ in both.get_name_value()] == both.get()[0]
    assert both.get_metric(0).name == "accuracy"
    assert [one["metric"] for one in both.get_config()["metrics"]] == ["Accuracy", "CrossEntropy", "Loss"]


def test_a_local_reset_starts_a_new_average_and_keeps_the_global_one():
    both = metric.create(["mae", metric.create("f1", average="micro")])
    label, hit, miss = np.array([1, 0]), np.array([[0.0, 1.0], [1.0, 0.0]]), np.array([[1.0, 0.0], [0.0, 1.0]])
    for pred in (hit, miss):
        both.reset_local()
        both.get_metric(0).update([label], [pred[:, 0]])
        both.get_metric(1).update([label], [pred])
    assert both.get() == (["mae", "f1"], [0.0, 0.0])
    assert both.get_global() == (["mae", "f1"], [0.5, 0.5])
    both.reset()
    assert all(math.isnan(found) for _, found in both.get_name_value() + both.get_global_name_value())


def test_a_function_of_two_arrays_is_a_metric():
    def worst(label, pred):
        return float(np.abs(label - pred).max())

    given = [(np.zeros(2), np.array([1.0, 3.0])), (np.zeros(1), np.array([1.0]))]
    assert metric.create(worst).name == "worst"
    assert value(worst, given) == 2.0
    assert metric.np(lambda label, pred: 0.0).name == "custom(<lambda>)"


def test_a_function_may_return_a_sum_and_a_count():
    assert value(lambda label, pred: (float(pred.sum()), pred.size), [(np.zeros(3), np.array([1.0, 2.0, 6.0]))]) == 3.0


def test_outputs_without_a_label_are_passed_over_only_if_allowed():
    labels, preds = [np.zeros(1)], [np.ones(1), np.ones(1)]
    metric.np(lambda label, pred: 0.0, allow_extra_outputs=True).update(labels, preds)
    with pytest.raises(ValueError, match="must match, got 1 and 2"):
        metric.np(lambda label, pred: 0.0).update(labels, preds)


def test_names_choose_the_arrays_that_a_metric_sees():
    found = metric.create("mae", label_names=["b"], output_names=["y"])
    found.update_dict({"a": np.zeros(1), "b": np.ones(1)}, {"x": np.zeros(1), "y": np.full(1, 3.0)})
    assert found.get() == ("mae", 2.0)


def test_a_subclass_is_found_by_its_name_and_its_aliases():
    @metric.alias("one_and_only")
    class Single(metric.EvalMetric):
        def update(self, labels, preds):
            self.sum_metric += 1.0
            self.num_inst += 1

    for name in ("single", "one_and_only"):
        assert type(metric.create(name, name="s")) is Single
    assert metric.create(Single, name="s").get_config()["name"] == "s"


@pytest.mark.parametrize(
    ("error", "message", "given"),
    [
        (ValueError, "did you mean 'accuracy'", "acuracy"),
        (ValueError, "there are acc, accuracy", "zzz"),
        (TypeError, "a metric is a name", 3),
    ],
)
def test_an_unknown_metric_is_refused(error, message, given):
    with pytest.raises(error, match=message):
        metric.create(given)


@pytest.mark.parametrize(
    ("name", "label", "pred"),
    [
        ("acc", np.zeros(3), np.zeros((2, 2))),
        ("ce", np.zeros(3), np.zeros((2, 2))),
        ("mse", np.zeros(3), np.zeros((3, 2))),
        ("f1", np.array([0, 1, 2]), np.zeros((3, 2))),
    ],
)
def test_labels_that_do_not_fit_the_predictions_are_refused(name, label, pred):
    with pytest.raises(ValueError, match=r"match|needs|two classes"):
        value(name, [(label, pred)])


def test_out_of_range_options_are_refused():
    with pytest.raises(ValueError, match="top_k must be at least 2, got 1"):
        metric.create("top_k_acc")
    with pytest.raises(ValueError, match="'macro' or 'micro', got 'weighted'"):
        metric.create("f1", average="weighted")


def test_a_metric_for_mxnet_may_keep_global_sums_and_override_reset():
    class Mine(mx.metric.EvalMetric):
        def __init__(self):
            super().__init__("mine", has_global_stats=True)

        def reset(self):
            self.num_inst = self.sum_metric = self.global_num_inst = self.global_sum_metric = 0

        def update(self, labels, preds):
            value = float(preds[0].asnumpy().sum())
            self.sum_metric += value
            self.global_sum_metric += value
            self.num_inst += 1
            self.global_num_inst += 1

    mine = Mine()
    for value in (0.0, 3.0):
        mine.update([], [mx.nd.array([value])])
        mine.reset_local()
    mine.update([], [mx.nd.array([6.0])])
    assert mine.get() == ("mine", 6.0)
    assert mine.get_global() == ("mine", 3.0)
    assert mine.global_num_inst == 3
    mine.reset()
    assert math.isnan(mine.get_global()[1])
    assert mine.get_config() == {"metric": "Mine", "name": "mine", "output_names": None, "label_names": None}


def test_a_metric_is_given_the_arrays_that_it_was_written_for():
    kinds = {}

    class WithNumpy(mx.metric.EvalMetric):
        def update(self, labels, preds):
            kinds["numpy"] = [*labels, *preds]
            assert np.all(preds[0] == 1)

    class WithNd(mx.metric.EvalMetric):
        def update(self, labels, preds):
            kinds["nd"] = [*labels, *preds]
            assert preds[0].sum().asscalar() == 2

    for made in (WithNumpy("a"), WithNd("b")):
        made.update([np.ones(2)], [np.ones(2)])
    found = {name: [isinstance(one, mx.nd.NDArray) for one in arrays] for name, arrays in kinds.items()}
    assert found == {"numpy": [False, False], "nd": [True, True]}


def test_a_metric_can_be_created_from_its_configuration():
    group = mx.metric.create(["acc", mx.metric.TopKAccuracy(top_k=3)])
    again = mx.metric.create(mx.metric.create("ce", eps=1e-3).get_config())
    assert (type(again), again.eps) == (mx.metric.CrossEntropy, 1e-3)
    assert [one["metric"] for one in group.get_config()["metrics"]] == ["Accuracy", "TopKAccuracy"]
    with pytest.raises(NotImplementedError, match="is a function"):
        mx.metric.create(lambda label, pred: 0.0).get_config()


def test_a_correlation_of_all_elements_starts_anew_with_a_line_of_the_log():
    rng = np.random.default_rng(0)
    pearson = mx.metric.PearsonCorrelation(average="micro")
    x, y = rng.normal(size=(2, 4, 6))
    for number in range(4):
        if number == 2:
            pearson.reset_local()
        pearson.update([x[number]], [y[number]])
    assert pearson.get()[1] == pytest.approx(np.corrcoef(x[2:].ravel(), y[2:].ravel())[0, 1])
    assert pearson.get_global()[1] == pytest.approx(np.corrcoef(x.ravel(), y.ravel())[0, 1])
