"""Recorded runs of MXNet 1.9.1 and of current implementations: weights, final states, rates and counters."""

import collections
import functools
import json
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

import mxcore as mx

GOLDEN = Path(__file__).parent / "golden"
Case = dict[str, Any]
Array = npt.NDArray[Any]

INSTALLED = {name for record in mx.catalogue.records() for name in (record.name, record.class_name.lower())}


def _names(case: Case) -> set[str]:
    """Return the names of the algorithms that a case needs."""
    config = case.get("config") or {"optimizer": case["class"], "optimizer_params": case["kwargs"]}
    scheduler = config["optimizer_params"].get("lr_scheduler", {"class": config["optimizer"]})["class"]
    wrapped = config["optimizer_params"].get("optimizer", config["optimizer"])
    wrapped = wrapped["optimizer"] if isinstance(wrapped, dict) else wrapped
    texts = [text for text in (case.get("attrs") or {}).values() if text.startswith("[")]
    named = {config["optimizer"].lower(), wrapped.lower(), scheduler.lower(), *(json.loads(text)[0] for text in texts)}
    parts = config["optimizer_params"].values() if case["kind"].startswith("scheduler") else ()
    return named | {part["class"].lower() for one in parts for part in _specs(one)}


def _specs(value: Any) -> list[Case]:
    """Return the schedules that an argument of another one describes."""
    several = value if isinstance(value, list) else [value]
    return [one for one in several if isinstance(one, dict) and "class" in one]


CASES: list[Case] = [
    case
    for name in (
        "index.json",
        "modern/index.json",
        "modern/schedules.json",
        "modern/recorded.json",
        "modern/matrices.json",
        "modern/stepsizes.json",
        "modern/lbfgs.json",
        "composed/index.json",
    )
    for case in json.loads((GOLDEN / name).read_text(encoding="utf-8"))["cases"]
]
REPLAYED: list[Case] = []


def _cases(kind: str) -> list[Any]:
    """Return the cases of a kind that apply here: no Bilinear with different axes, and no class that is missing."""
    found = [
        case
        for case in CASES
        if case["kind"] == kind
        and not (case["class"] == "Bilinear" and case.get("quirk"))
        and _names(case) <= INSTALLED
    ]
    REPLAYED.extend(found)
    return [pytest.param(case, id=case["id"]) for case in found]


@functools.cache
def _file(name: str) -> dict[str, Array]:
    with np.load(GOLDEN / name) as arrays:
        return dict(arrays)


def _array(case: Case, key: str) -> Array:
    return _file(case["file"])[f"{case['id']}/{key}"]


def _scheduler(spec: Case) -> mx.lr_scheduler.LRScheduler:
    arguments = dict(spec["kwargs"])
    for name, value in arguments.items():
        if made := [_scheduler(one) for one in _specs(value)]:
            arguments[name] = made if isinstance(value, list) else made[0]
    if "expr" in arguments:
        arguments["fn"] = eval(f"lambda t: {arguments.pop('expr')}")
    return getattr(mx.lr_scheduler, spec["class"])(**arguments)


def _index(key: str) -> int | str:
    return int(key) if key.isdigit() else key


def _assert_close(got: Any, wanted: Array, case: Case) -> None:
    np.testing.assert_allclose(
        np.asarray(got, np.float64), np.asarray(wanted, np.float64), rtol=case["rtol"], atol=case["atol"]
    )


def _optimizer(case: Case) -> mx.optimizer.Optimizer:
    arguments = dict(case["kwargs"])
    if "lr_scheduler" in arguments:
        arguments["lr_scheduler"] = _scheduler(arguments["lr_scheduler"])
    if "param_idx2name" in arguments:
        arguments["param_idx2name"] = {int(index): name for index, name in arguments["param_idx2name"].items()}
    optimizer = mx.optimizer.create(case["name"], **arguments)
    for setter in ("lr_mult", "wd_mult"):
        if setter in case:
            getattr(optimizer, f"set_{setter}")({_index(key): value for key, value in case[setter].items()})
    return optimizer


@pytest.mark.filterwarnings("ignore:.*without multi_precision:UserWarning", "ignore:wd=0.1 is not applied to 'odd'")
@pytest.mark.sampled(3)
@pytest.mark.parametrize("case", _cases("optimizer"))
def test_an_optimizer_follows_the_recorded_weights_and_states(case: Case) -> None:
    mx.random.seed(case.get("seed", 1))
    updater = mx.optimizer.get_updater(_optimizer(case))
    count = len(case["indices"])
    weights = [_array(case, f"w0/{k}").copy() for k in range(count)]
    for step, rate in enumerate(case["learning_rate_after"]):
        grads = [_array(case, f"g/{k}")[step].copy() for k in range(count)]
        for k in range(count):
            if f"h/{k}" in case["keys"]:
                updater.optimizer.set_hessian(case["indices"][k], _array(case, f"h/{k}")[step])
        if "loss" in case["keys"]:
            updater.optimizer.observe(float(_array(case, "loss")[step]))
        if case["call"] == "list":
            updater(list(case["indices"]), grads, weights)
        else:
            for k in range(count):
                updater(case["indices"][k], grads[k], weights[k])
        for k in range(count):
            key = f"wdoc/{k}" if f"wdoc/{k}" in case["keys"] else f"w/{k}"
            _assert_close(weights[k], _array(case, key)[step], case)
            np.testing.assert_array_equal(grads[k], _array(case, f"g/{k}")[step])
            if f"x/{k}" in case["keys"]:
                (evaluated,) = updater.evaluation_weights([weights[k]], [case["indices"][k]])
                _assert_close(evaluated, _array(case, f"x/{k}")[step], case)
        assert updater.optimizer.learning_rate == pytest.approx(rate, rel=0, abs=1e-12)
    assert updater.optimizer.num_update == case["num_update"]
    _check_states(case, updater)


def _pairs_of_rosenbrock(x: Array) -> tuple[float, Array]:
    a, b = x[::2], x[1::2]
    slopes = np.stack([2 * (a - 1) - 400 * a * (b - a**2), 200 * (b - a**2)], axis=1)
    return float(((1 - a) ** 2 + 100 * (b - a**2) ** 2).sum()), slopes.reshape(-1)


def _least_squares(x: Array, table: Array, wanted: Array) -> tuple[float, Array]:
    rest = table @ x - wanted
    return float(0.5 * (rest @ rest)), table.T @ rest


def _logistic(x: Array, table: Array, labels: Array) -> tuple[float, Array]:
    margins = labels * (table @ x)
    slopes = table.T @ (-labels / (1 + np.exp(margins)) / x.dtype.type(len(labels)))
    return float(np.logaddexp(0, -margins).mean() + 0.005 * (x @ x)), slopes + x.dtype.type(0.01) * x


FUNCTIONS: dict[str, Any] = {
    "rosenbrock": _pairs_of_rosenbrock,
    "least_squares": _least_squares,
    "logistic": _logistic,
}


@pytest.mark.parametrize("case", _cases("minimize"))
def test_minimizing_follows_the_recorded_variables_and_values(case: Case) -> None:
    path: list[Any] = []
    data = tuple(_array(case, key) for key in case["keys"] if key.startswith("data/"))
    result = mx.minimize(
        FUNCTIONS[case["function"]],
        _array(case, "x0"),
        "lbfgs",
        args=data,
        steps=case["steps"],
        callback=lambda found: path.append((found.x.copy(), found.fun)),
        **case["kwargs"],
    )
    assert (result.nit, result.x.dtype) == (case["steps"], case["dtype"])
    _assert_close([x for x, _ in path], _array(case, "x"), case)
    _assert_close([value for _, value in path], _array(case, "value"), case)


@pytest.mark.parametrize("case", _cases("optimizer-sam"))
def test_both_steps_of_sam_follow_the_recorded_weights(case: Case) -> None:
    sam, indices = mx.optimizer.get_updater(mx.optimizer.create("sam", **case["kwargs"])), case["indices"]
    weights = [_array(case, f"w0/{k}").copy() for k in range(len(indices))]
    for step in range(case["num_update"]):
        for make, grads, reached in ((sam.first_step, "g", "wp"), (sam.second_step, "g2", "w")):
            make(indices, [_array(case, f"{grads}/{k}")[step] for k in range(len(indices))], weights)
            for k, weight in enumerate(weights):
                _assert_close(weight, _array(case, f"{reached}/{k}")[step], case)
    assert sam.optimizer.num_update == case["num_update"]


# The recorded states lack these slots. MXNet puts the master weight last in those of the classes below.
OUR_SLOTS = {"Adan": "previous", "LBSGD": "gradient_sum", "Prodigy": "start"}
MASTER_LAST = ("SGD", "ccSGD", "NAG", "LARS")


def _check_states(case: Case, updater: mx.optimizer.Updater) -> None:
    """Compare the leaves of the final states, if recorded; textbook NAG has another state than MXNet's."""
    if any(key.startswith("wdoc") for key in case["keys"]) or not any(key.startswith("s/") for key in case["keys"]):
        return
    for k, index in enumerate(case["indices"]):
        count = sum(key.startswith(f"s/{k}/") for key in case["keys"])
        names, numbers = case.get("state_names", {k: [""] * count})[k], updater.optimizer.host_numbers.get(index, {})
        wanted = {j: _array(case, f"s/{k}/{j}") for j in range(count)}
        found = [numbers[name] for name in names if name in numbers]
        assert found == pytest.approx([float(wanted.pop(j)) for j, name in enumerate(names) if name in numbers], 1e-5)
        for leaf, recorded in zip(_leaves(case, updater, index, names), wanted.values(), strict=True):
            # The tolerances are for weights. MXNet rounds hyper-parameters to float32: 1 - 0.999 is off by 1.3e-5.
            scale = abs(recorded.astype(np.float64)).max(initial=0)
            atol = max(case["atol"], scale * (2e-3 if recorded.dtype == np.float16 else 2e-5))
            _assert_close(leaf, recorded.reshape(leaf.shape), {**case, "atol": atol})


def _leaves(case: Case, updater: mx.optimizer.Updater, index: Any, names: list[str]) -> list[Array]:
    """Return the arrays of one parameter's state, in MXNet's order; only those recorded if these are our slots."""
    state, optimizer = updater.states[index], updater.optimizer
    master, inner = state if optimizer.multi_precision and case["dtype"] == "float16" else (None, state)
    slots = [slot.name for slot in optimizer.state_slots() if not slot.on_host]
    arrays = inner if isinstance(inner, tuple) else () if inner is None else (inner,)
    if len(arrays) != len(slots):  # what is kept depends on the number of axes
        slots = [*slots, *[""] * len(arrays)][: len(arrays)]
    if {*names} <= {*slots}:
        arrays, slots = [array for name, array in zip(slots, arrays, strict=True) if name in names], names
    kept = [array for name, array in zip(slots, arrays, strict=True) if name != OUR_SLOTS.get(case["class"])]
    masters = [] if master is None else [master]
    return kept + masters if case["class"] in MASTER_LAST else masters + kept


@pytest.mark.parametrize("case", _cases("scheduler"))
def test_a_schedule_follows_the_recorded_rates_in_any_order(case: Case) -> None:
    rates, schedule = _array(case, "lr"), _scheduler(case)
    first = 0 if "jumps" in case else 1  # others than MXNet count finished updates
    _assert_close(schedule(np.arange(first, first + len(rates))), rates, case)
    if "jumps" not in case:
        return
    got, wanted = np.array([schedule(t) for t in case["jumps"]]), _array(case, "lr_jump").copy()
    # There, MXNet's value depends on earlier calls.
    got[case["jump_history_dependent"]] = wanted[case["jump_history_dependent"]] = 0
    _assert_close(got, wanted, case)


@pytest.mark.parametrize("case", _cases("scheduler-plateau"))
def test_a_schedule_that_is_told_a_metric_follows_the_recorded_rates(case: Case) -> None:
    schedule, found = _scheduler(case), []
    for number, metric in enumerate(_array(case, "metric").tolist(), start=1):
        schedule.observe(metric)
        found.append(schedule(number + 1))
    _assert_close(found, _array(case, "lr"), case)


@pytest.mark.parametrize("case", _cases("initializer-exact"))
def test_an_initializer_writes_the_recorded_values(case: Case) -> None:
    arguments = dict(case["kwargs"])
    if case["class"] == "FusedRNN":
        arguments["init"] = mx.initializer.create(arguments["init"])
    array = np.full(case["shape"], 7, case["dtype"])
    getattr(mx.init, case["class"])(**arguments)(mx.init.InitDesc(case["desc"], case["attrs"]), array)
    _assert_close(array, _array(case, "a"), case)


def _filled(case: Case) -> Array:
    array = np.full(case["shape"], 7, np.float32)
    getattr(mx.init, case["class"])(**case["kwargs"])(mx.init.InitDesc("x_weight"), array)
    return array.astype(np.float64)


@pytest.mark.parametrize("case", _cases("initializer-random"))
def test_random_values_have_the_recorded_moments(case: Case) -> None:
    array, deviation = _filled(case), case["expected_std"]
    assert array.std() == pytest.approx(deviation, rel=case["std_rtol"])
    assert abs(array.mean() - case.get("mean", 0)) < 6 * deviation / array.size**0.5
    bound = case.get("bound", case["param"] if case["dist"] == "uniform" and "param" in case else np.inf)
    assert abs(array).max() <= bound * (1 + 1e-6)
    assert case.get("low", -np.inf) <= array.min()
    assert array.max() <= case.get("high", np.inf)


@pytest.mark.parametrize("case", _cases("initializer-orthogonal"))
def test_orthogonal_values_have_a_gram_matrix_of_the_scale(case: Case) -> None:
    array = _filled(case).reshape(case["shape"][0], -1)
    gram = array.T @ array if case["gram"] == "columns" else array @ array.T
    scale = case["kwargs"].get("scale", 1.414)
    np.testing.assert_allclose(gram, scale**2 * np.eye(len(gram)), rtol=0, atol=case["atol"])


@pytest.mark.parametrize("case", _cases("initializer-delta-orthogonal"))
def test_delta_orthogonal_values_are_an_orthogonal_matrix_in_the_middle(case: Case) -> None:
    array = _filled(case)
    middle = (..., *case["centre"])
    matrix = array[middle].copy()
    scale = case["kwargs"]["scale"]
    np.testing.assert_allclose(matrix.T @ matrix, scale**2 * np.eye(matrix.shape[1]), rtol=0, atol=case["atol"])
    array[middle] = 0
    assert not array.any()


@pytest.mark.parametrize("case", _cases("initializer-sparse"))
def test_sparse_values_have_the_recorded_number_of_zeros_in_each_column(case: Case) -> None:
    array = _filled(case)
    assert ((array == 0).sum(axis=0) == case["zeros_per_column"]).all()
    assert array[array != 0].std() == pytest.approx(case["expected_std_nonzero"], rel=0.1)


@pytest.mark.parametrize("case", _cases("initializer-dumps"))
def test_the_text_of_an_initializer_is_mxnets(case: Case) -> None:
    assert getattr(mx.init, case["class"])(**case["kwargs"]).dumps() == case["dumps"]


@pytest.mark.parametrize("case", _cases("sgld-stat"))
def test_a_langevin_step_has_the_recorded_moments(case: Case) -> None:
    weight = np.full(case["n"], case["weight_value"], np.float32)
    updater = mx.optimizer.get_updater(mx.optimizer.create("sgld", **case["kwargs"]))
    updater(0, np.full(case["n"], case["grad_value"], np.float32), weight)
    moved = weight.astype(np.float64) - case["weight_value"]
    assert abs(moved.mean() - case["expected_mean_step"]) < 6 * case["expected_std"] / case["n"] ** 0.5
    assert moved.std() == pytest.approx(case["expected_std"], rel=case["std_rtol"])


@pytest.mark.parametrize("case", _cases("multipliers"))
def test_multipliers_are_looked_up_as_recorded(case: Case) -> None:
    optimizer = _optimizer(case)
    names = list(optimizer.idx2name.values())
    indices = range(len(names) + 1)
    assert [optimizer._get_lr(index) for index in indices] == pytest.approx(case["lr_by_index"], rel=1e-12)
    assert [optimizer._get_wd(index) for index in indices] == pytest.approx(case["wd_by_index"], rel=1e-12)
    assert [optimizer._get_lr(name) for name in names] == pytest.approx(case["lr_by_name"], rel=1e-12)
    assert [optimizer._get_wd(name) for name in names] == pytest.approx(case["wd_by_name"], rel=1e-12)


def _network(config: Case) -> Any:
    data = mx.sym.Variable("data")
    if config["net"] == "linreg":
        output = mx.sym.FullyConnected(data, num_hidden=config["nout"], name="fc")
        return mx.sym.LinearRegressionOutput(output, mx.sym.Variable("lro_label"), name="lro")
    hidden = mx.sym.Activation(
        mx.sym.FullyConnected(data, num_hidden=config["nh"], name="fc1"), act_type="relu", name="relu1"
    )
    output = mx.sym.FullyConnected(hidden, num_hidden=config["nout"], name="fc2")
    return mx.sym.SoftmaxOutput(output, mx.sym.Variable("softmax_label"), name="softmax")


@pytest.mark.parametrize("case", _cases("module-fit"))
def test_fit_follows_the_recorded_parameters_metrics_and_predictions(case: Case) -> None:
    config, label = case["config"], case["label_name"]
    symbol = _network(config)
    data = mx.io.NDArrayIter(_array(case, "X"), _array(case, "Y"), batch_size=config["batch"], label_name=label)
    module = mx.mod.Module(symbol, label_names=[label])
    module.bind(data_shapes=data.provide_data, label_shapes=data.provide_label)
    assert symbol.list_arguments() == case["list_arguments"]
    assert symbol.list_outputs() == case["list_outputs"]
    names = [name for name in symbol.list_arguments() if name not in ("data", label)]
    module.init_params(arg_params={name: _array(case, f"p0/{name}").copy() for name in names}, aux_params={})
    parameters = dict(config["optimizer_params"])
    if "lr_scheduler" in parameters:
        parameters["lr_scheduler"] = _scheduler(parameters["lr_scheduler"])
    module.init_optimizer(optimizer=config["optimizer"], optimizer_params=tuple(parameters.items()))
    epochs: list[dict[str, Array]] = []
    metrics: list[float] = []
    module.fit(
        data,
        eval_metric=case["metric"],
        num_epoch=config["epochs"],
        batch_end_callback=lambda at: metrics.append(float(at.eval_metric.get()[1])),
        epoch_end_callback=lambda epoch, net, args, auxs: epochs.append({k: v.copy() for k, v in args.items()}),
    )
    for name in names:
        _assert_close(np.stack([epoch[name] for epoch in epochs]), _array(case, f"p/{name}"), case)
    np.testing.assert_allclose(metrics, case["batch_metric"], rtol=1e-4, atol=1e-5)
    data.reset()
    _assert_close(module.predict(data), _array(case, "predict"), case)


def test_nothing_is_passed_over_but_the_optimizer_test_and_a_bilinear_that_takes_width_for_height() -> None:
    passed_over = collections.Counter(case["class"] for case in CASES if case not in REPLAYED)
    assert passed_over == {"Test": 3, "Bilinear": 1}
    assert len(CASES) == len(REPLAYED) + 4 == 1734
