"""The base class of optimizers: rates, counts, multipliers, precision, and the two ways to write an algorithm."""

import logging
import math
from typing import Any

import ml_dtypes
import numpy as np
import pytest

import mxcore as mx
from mxcore.optimizer import Optimizer, Slot


def rule_optimizer(rule: Any, **members: Any) -> type[Optimizer]:
    """Return an optimizer class made from a rule."""
    return mx.hyperparameters(type("Made", (Optimizer,), {"rule": staticmethod(rule), **members}))


def updated(optimizer: Optimizer, weight: Any, grad: Any) -> Any:
    """Return a weight after one update."""
    weight = np.array(weight, np.float64)
    mx.optimizer.get_updater(optimizer)(0, np.array(grad, np.float64), weight)
    return weight


# --- the learning rate -----------------------------------------------------------------------------------------------


def test_a_default_rate_never_overrides_the_schedulers() -> None:
    optimizer = mx.optimizer.create("adam", lr_scheduler=mx.lr_scheduler.FactorScheduler(10, base_lr=0.5))
    assert optimizer.learning_rate == 0.5


def test_a_given_rate_overrides_the_schedulers_and_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    schedule = mx.lr_scheduler.FactorScheduler(10, base_lr=0.5, warmup_steps=4)
    with caplog.at_level(logging.INFO):
        optimizer = mx.optimizer.create("adam", learning_rate=0.2, lr_scheduler=schedule)
    assert optimizer.lr_scheduler is schedule
    assert schedule.base_lr == 0.2
    assert schedule(2) == 0.1  # the warm-up ends at the rate that was given
    assert "base_lr of the scheduler changed from 0.5" in caplog.text


def test_without_a_scheduler_the_class_has_a_default() -> None:
    assert mx.optimizer.SGD().learning_rate == 0.01
    assert mx.optimizer.Adam().learning_rate == 0.001


def test_a_rate_cannot_be_set_under_a_scheduler() -> None:
    optimizer = mx.optimizer.SGD(lr_scheduler='["factor", {"step": 1}]')
    with pytest.raises(UserWarning, match="the scheduler sets the learning rate"):
        optimizer.set_learning_rate(0.1)
    optimizer.lr_scheduler.base_lr = 0.25
    assert optimizer.learning_rate == 0.25


def test_the_signature_shows_the_rate_that_is_used() -> None:
    import inspect

    parameters = inspect.signature(mx.optimizer.Adam).parameters
    assert list(parameters)[:2] == ["learning_rate", "beta1"]
    assert parameters["learning_rate"].default == 0.001


# --- counting and multipliers ----------------------------------------------------------------------------------------


def test_the_first_update_asks_for_the_rate_of_update_one() -> None:
    asked: list[int] = []

    def schedule(update: int) -> float:
        asked.append(update)
        return 1.0

    updated(mx.optimizer.SGD(lr_scheduler=schedule), [0.0], [1.0])
    assert set(asked) == {1}


def test_counts_are_per_parameter_and_the_schedule_sees_the_largest() -> None:
    optimizer = mx.optimizer.SGD(begin_num_update=5)
    update = mx.optimizer.get_updater(optimizer)
    for index in (0, 0, "b", 0):
        update(index, np.ones(1), np.zeros(1))
    assert optimizer._index_update_count == {0: 8, "b": 6}
    assert optimizer.num_update == 8


def test_devices_count_for_themselves() -> None:
    optimizer = mx.optimizer.SGD()
    for device in (0, 1, 1):
        optimizer._set_current_context(device)
        optimizer._update_count([0, 1])
    assert optimizer.num_update == 2
    assert optimizer._all_index_update_counts == {0: {0: 1, 1: 1}, 1: {0: 2, 1: 2}}


class Parameter:
    lr_mult, wd_mult = 3.0, 5.0


def test_multipliers_come_from_param_dict_then_index_then_name() -> None:
    optimizer = mx.optimizer.SGD(
        learning_rate=1.0,
        wd=1.0,
        param_idx2name={0: "a_weight", 1: "b_weight", 2: "b_bias"},
        param_dict={0: Parameter()},
    )
    optimizer.set_lr_mult({0: 7.0, "b_weight": 0.5})
    optimizer.set_wd_mult({"b_bias": 0.25})
    assert optimizer._get_lrs([0, 1, 2, 3]) == [3.0, 0.5, 1.0, 1.0]
    assert optimizer._get_wds([0, 1, 2, 3]) == [5.0, 1.0, 0.25, 1.0]


def test_what_is_no_weight_or_gamma_does_not_decay() -> None:
    names = {0: "fc_weight", 1: "fc_bias", 2: "bn_gamma", 3: "bn_beta", 4: "weight"}
    optimizer = mx.optimizer.SGD(wd=0.5, param_idx2name=names)
    assert optimizer._get_wds(range(5)) == [0.5, 0, 0.5, 0, 0]


def test_the_symbols_attributes_are_multipliers() -> None:
    class Symbol:
        def attr_dict(self) -> dict[str, dict[str, str]]:
            return {"fc_weight": {"__lr_mult__": "0.1", "__wd_mult__": "0.2"}, "out": {"__lr_mult__": "9"}}

        def list_arguments(self) -> list[str]:
            return ["data", "fc_weight"]

    optimizer = mx.optimizer.SGD(sym=Symbol(), param_idx2name={0: "fc_weight"}, learning_rate=1.0, wd=1.0)
    assert (optimizer._get_lr(0), optimizer._get_wd(0)) == (0.1, 0.2)
    assert "out" not in optimizer.lr_mult


# --- rules -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("decay", "grad_seen", "weight_seen"),
    [("before_clip", 1.0, 4.0), ("after_clip", 3.0, 4.0), ("decoupled", 1.0, 3.0), ("own", 1.0, 4.0)],
)
def test_decay_enters_where_the_class_says(decay: str, grad_seen: float, weight_seen: float) -> None:
    def rule(weight, grad, seen, *, lr):  # type: ignore[no-untyped-def]
        return grad, weight

    optimizer = rule_optimizer(rule, decay=decay, slots=("seen",))(
        learning_rate=0.5, wd=0.5, clip_gradient=1.0, rescale_grad=10.0
    )
    update, weight = mx.optimizer.get_updater(optimizer), np.array([4.0])
    update(0, np.array([2.0]), weight)
    assert (update.states[0][0], weight[0]) == (weight_seen, grad_seen)


def test_a_rule_is_given_what_it_asks_for() -> None:
    def rule(weight, grad, raw_grad, copy, seen, *, lr, wd, t, num_update, product, skip, power, missing=None):  # type: ignore[no-untyped-def]
        assert missing is None
        assert skip is False
        numbers = lr * 1e6 + wd * 1e5 + t * 1e4 + num_update * 1e3 + product * 100 + power * 10
        return weight * 0 + numbers, copy, grad + raw_grad, product * 0.5

    cls = rule_optimizer(
        rule,
        decay="own",
        power=2,
        slots=(Slot("copy", init="weight"), "seen", Slot("product", init=1.0, shape=())),
        flags=lambda self, name: {"skip": name.endswith("bias")},
    )
    optimizer = cls(learning_rate=0.5, wd=0.25, rescale_grad=3.0, param_idx2name={0: "x_weight"})
    update, weight = mx.optimizer.get_updater(optimizer), np.array([1.0, 2.0])
    for _ in range(2):
        update(0, np.array([1.0, -1.0]), weight)
    assert weight.tolist() == [0.5e6 + 0.25e5 + 2e4 + 2e3 + 50 + 20] * 2
    copy, seen = update.states[0]  # a host number is not part of it
    assert copy.tolist() == [1.0, 2.0]
    assert seen.tolist() == [4.0, -4.0]
    assert optimizer.host_numbers == {0: {"product": 0.25}}


def test_noise_depends_on_the_seed_the_name_and_the_count_alone() -> None:
    def rule(weight, grad, noise):  # type: ignore[no-untyped-def]
        return weight + noise

    def walk(order: list[int]) -> list[Any]:
        update = mx.optimizer.get_updater(rule_optimizer(rule)(param_idx2name={0: "a", 1: "b"}))
        weights = [np.zeros(3), np.zeros(3)]
        for index in order:
            update(index, np.zeros(3), weights[index])
        return [weight.tolist() for weight in weights]

    assert walk([0, 0, 1, 1]) == walk([1, 0, 1, 0])
    assert walk([0, 1])[0] != walk([0, 1])[1]


@pytest.mark.parametrize(
    ("rule", "members", "message"),
    [
        (lambda weight, grad: weight.astype(np.float32), {}, "the rule of Made uses .astype of an array"),
        (lambda weight, grad: weight[:1], {}, "the rule of Made indexes an array"),
        (lambda weight, grad: 0.5, {}, "the rule of Made returns a number for 'weight'"),
        (lambda weight, grad: grad if weight > 0 else weight, {}, r"branches on a mask .*use np.where, &"),
        (lambda weight, grad: np.sort(weight), {}, r"calls np.sort, which rules do not support.*see docs/guides/"),
        (lambda weight, grad: weight * math.sqrt(grad), {}, r"calls sqrt\(\) with an array: use np.sqrt"),
        (lambda weight, grad: weight * np.where(grad > 0, 1, 0), {}, "np.where with two numbers, which gives float64"),
        (lambda weight, grad: weight + np.ones(2), {}, "computes with ndarray"),
        (
            lambda weight, grad: np.add(weight, grad, dtype="f8"),
            {},
            "calls np.add, with dtype=: pass only arrays and numbers, by position",
        ),
        (lambda weight, grad: (weight, grad), {}, r"must return \(weight\), got 2"),
        (lambda weight, grad, m: weight, {"slots": ("m",)}, r"must return \(weight, m\), got 1"),
        (lambda weight, grad: weight, {"slots": ("m",)}, "does not take its slot 'm'"),
        (lambda weight, grad, *, speed: weight, {}, "takes 'speed', which is neither a slot nor a hyper-parameter"),
        (lambda weight, grad, *, wd: weight, {}, "takes wd, but weight decay is applied before it"),
        (lambda weight, grad, wd: (weight, wd), {"slots": ("wd",)}, "slot 'wd' has the same name as a hyper-parameter"),
        (lambda grad, weight: weight, {}, r"must start with \(weight, grad"),
        (lambda weight, grad, **rest: weight, {}, "must name all its parameters"),
        (lambda weight, grad: weight, {"decay": "later"}, "decay must be one of before_clip"),
    ],
)
def test_a_wrong_rule_is_named_and_changes_nothing(rule: Any, members: dict[str, Any], message: str) -> None:
    optimizer = rule_optimizer(rule, **members)()
    update, weight = mx.optimizer.get_updater(optimizer), np.ones(2)
    with pytest.raises(TypeError, match=message):
        update(0, np.ones(2), weight)
    assert weight.tolist() == [1, 1]
    assert optimizer._index_update_count == {}
    assert optimizer.num_update == 0


def test_a_rule_that_fails_for_one_parameter_changes_none() -> None:
    def rule(weight, grad, m, *, lr):  # type: ignore[no-untyped-def]
        return weight - lr / (1 - lr) * grad, m + 1

    optimizer = rule_optimizer(rule, slots=("m",))(learning_rate=0.5)
    optimizer.set_lr_mult({1: 2.0})
    update, weights = mx.optimizer.get_updater(optimizer), [np.ones(2), np.ones(3)]
    with pytest.raises(ZeroDivisionError):
        update([0, 1], [np.ones(2), np.ones(3)], weights)
    assert [weight.tolist() for weight in weights] == [[1, 1], [1, 1, 1]]
    assert update.states == {}
    assert optimizer.num_update == 0
    assert optimizer._index_update_count == {}


def test_a_class_with_neither_a_rule_nor_an_update_says_so() -> None:
    with pytest.raises(NotImplementedError, match="must define a rule, or create_state and update"):
        updated(Optimizer(), [1.0], [1.0])


# --- half precision --------------------------------------------------------------------------------------------------


def bfloat16() -> Any:
    return np.dtype(ml_dtypes.bfloat16)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_a_master_weight_keeps_what_half_precision_loses(dtype: str) -> None:
    weight = np.ones(3, bfloat16() if dtype == "bfloat16" else dtype)
    update = mx.optimizer.get_updater(mx.optimizer.SGD(learning_rate=1e-4, momentum=0.5, multi_precision=True))
    for _ in range(50):
        update(0, np.ones(3, weight.dtype), weight)
    master, velocity = update.states[0]
    assert master.dtype == velocity.dtype == np.float32
    np.testing.assert_allclose(master, 1 - 0.0098, rtol=1e-5)
    np.testing.assert_array_equal(weight, master.astype(weight.dtype))


def test_half_precision_without_a_master_weight_warns() -> None:
    with pytest.warns(UserWarning, match="parameter 0 is float16: small updates are lost without multi_precision=True"):
        mx.optimizer.get_updater(mx.optimizer.SGD())(0, np.ones(2, np.float16), np.ones(2, np.float16))


def test_bfloat16_without_a_master_weight_is_updated_too() -> None:
    weight = np.ones(3, bfloat16())
    update = mx.optimizer.get_updater(mx.optimizer.SGD(learning_rate=0.25, momentum=0.5))
    with pytest.warns(UserWarning, match="parameter 0 is bfloat16: small updates are lost"):
        update(0, np.ones(3, weight.dtype), weight)
    assert weight.tolist() == [0.75] * 3
    assert update.states[0].dtype == weight.dtype


# --- registering and creating ----------------------------------------------------------------------------------------


def test_the_newest_registration_wins_with_a_warning_that_names_both() -> None:
    class Adam(Optimizer):
        pass

    with pytest.warns(
        UserWarning, match=r"'adam': .*Adam replaces mxcore_optimizer_adam:Adam of mxcore-optimizer-adam"
    ):
        mx.optimizer.register(Adam)
    assert type(mx.optimizer.create("ADAM")) is Adam
    assert mx.optimizer.Adam is Adam
    installed = mx.optimizer.create("mxcore-optimizer-adam:adam")
    assert type(installed).__module__ == "mxcore_optimizer_adam"


def test_a_plugins_own_class_is_no_clash(recwarn: pytest.WarningsRecorder) -> None:
    mx.optimizer.register(mx.optimizer.Adam)
    assert not recwarn.list


def test_register_takes_subclasses_only() -> None:
    with pytest.raises(TypeError, match="can only register subclasses of Optimizer, got <class 'int'>"):
        mx.optimizer.register(int)


def test_aliases_are_names() -> None:
    @mx.optimizer.alias("swift", "fast")
    class Swift(Optimizer):
        pass

    assert type(mx.optimizer.create("fast")) is Swift


def test_an_optimizer_can_be_made_from_text_and_from_a_dict() -> None:
    assert mx.optimizer.create('["sgd", {"momentum": 0.5}]').momentum == 0.5
    assert mx.optimizer.create({"optimizer": "sgd", "momentum": 0.5}).momentum == 0.5
    assert mx.optimizer.create(optimizer="sgd", momentum=0.5).momentum == 0.5
    optimizer = mx.optimizer.SGD()
    assert mx.optimizer.create(optimizer) is optimizer
    with pytest.raises(ValueError, match="is already an instance"):
        mx.optimizer.create(optimizer, momentum=0.5)
    with pytest.raises(ValueError, match="expected a string such as"):
        mx.optimizer.create('["sgd"')


def test_hyper_parameters_are_checked_when_they_are_assigned_too() -> None:
    optimizer = mx.optimizer.Adam()
    with pytest.raises(ValueError, match=r"beta1 must be in \[0, 1\), got 1"):
        optimizer.beta1 = 1
    assert optimizer.beta1 == 0.9


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"learning_rate": -1}, "learning_rate must be None or a number of at least 0, got -1"),
        ({"learning_rate": "fast"}, "learning_rate must be None or a number of at least 0, got 'fast'"),
        ({"wd": float("nan")}, "wd must be a number of at least 0, got nan"),
        ({"clip_gradient": 0}, "clip_gradient must be None or a number above 0, got 0"),
        ({"clip_gradient": -1.0}, "clip_gradient must be None or a number above 0, got -1.0"),
        ({"momentum": True}, r"momentum must be in \[0, 1\], got True"),
        ({"begin_num_update": 0.5}, "begin_num_update must be an integer of at least 0, got 0.5"),
        ({"param_idx2name": ["a"]}, r"param_idx2name must be a dict .*, got \['a'\]"),
        ({"lr_scheduler": 3}, "lr_scheduler must be a scheduler, or a function"),
        ({"multi_precision": "yes"}, "multi_precision must be True or False, got 'yes'"),
    ],
)
def test_wrong_hyper_parameters_are_value_errors_that_say_what_they_must_be(
    arguments: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        mx.optimizer.SGD(**arguments)


def test_an_unknown_hyper_parameter_is_a_type_error() -> None:
    with pytest.raises(TypeError, match="speed"):
        mx.optimizer.SGD(speed=1)


def test_numpy_scalars_are_taken_as_python_numbers() -> None:
    optimizer = mx.optimizer.SGD(learning_rate=np.float64(0.5), momentum=np.float32(0.5))
    weight = np.zeros(2, np.float32)
    mx.optimizer.get_updater(optimizer)(0, np.ones(2, np.float32), weight)
    assert weight.dtype == np.float32
    assert type(optimizer.momentum) is float


# --- bad arrays ------------------------------------------------------------------------------------------------------


def frozen() -> Any:
    array = np.ones(2)
    array.flags.writeable = False
    return array


@pytest.mark.parametrize(
    ("weight", "grad", "error", "message"),
    [
        (
            np.ones(2),
            np.ones(3),
            ValueError,
            r"'a_weight': the gradient has shape \(3,\), but the weight has shape \(2,\)",
        ),
        (np.ones(2), np.ones(2, np.float16), TypeError, "'a_weight': the gradient is float16, the weight float64"),
        (np.ones(2), np.ones(2, int), TypeError, "'a_weight': the gradient is int64, the weight float64"),
        (np.ones(()), np.int64(1), TypeError, "'a_weight': the gradient is int64, the weight float64"),
        (np.ones(2, int), np.ones(2, int), TypeError, "'a_weight': the weight must be one of float16"),
        (frozen(), np.ones(2), ValueError, "'a_weight': the weight is read-only"),
        (np.ones(2), [1, 1], ValueError, "lists of equal lengths"),
        (np.ones(2), 3.0, TypeError, "the gradient of parameter 'a_weight': expected a NumPy or CuPy array"),
        (np.float64(3), np.ones(()), TypeError, "the weight of parameter 'a_weight': expected a NumPy or CuPy array"),
    ],
)
def test_arrays_that_do_not_fit_are_refused_by_name(weight: Any, grad: Any, error: Any, message: str) -> None:
    if isinstance(grad, list):
        grad, weight = [np.ones(2)], np.ones(2)
    optimizer = mx.optimizer.SGD(param_idx2name={0: "a_weight"})
    update = mx.optimizer.get_updater(optimizer)
    with pytest.raises(error, match=message):
        update(0, grad, weight) if not isinstance(grad, list) else update([0], grad, weight)
    assert update.states == {}
    assert optimizer.num_update == 0


@pytest.mark.parametrize("dtypes", [("f4", "f8"), ("f8", "f4")])
def test_a_gradient_of_another_float_dtype_is_converted(dtypes: tuple[str, str]) -> None:
    found = []
    for dtype in (dtypes[0], dtypes[1]):
        update, weight = mx.optimizer.get_updater(mx.optimizer.Adam()), np.ones(3, dtypes[0])
        for _ in range(3):
            update("w", np.full(3, 0.5, dtype), weight)
        assert weight.dtype == dtypes[0]
        found.append([weight, *update.states["w"]])
    for one, other in zip(*found, strict=True):
        assert one.dtype == other.dtype
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("dtype", ["f4", "f8"])
@pytest.mark.parametrize("direct", [False, True])
def test_a_weight_without_axes_takes_what_arithmetic_makes_of_it(dtype: str, direct: bool) -> None:
    optimizer = mx.optimizer.SGD(learning_rate=0.1)
    update, weight = mx.optimizer.get_updater(optimizer), np.array(1.0, dtype)
    for _ in range(100):
        gradient = 2 * (weight - 3)
        assert isinstance(gradient, np.floating)
        if direct:
            optimizer.update("scale", weight, gradient, None)
        else:
            update("scale", gradient, weight)
    assert weight == pytest.approx(3)


def test_views_of_dicts_and_iterators_are_taken_as_lists() -> None:
    params, grads = {"a": np.ones(2), "b": np.ones(3)}, {"a": np.ones(2), "b": np.ones(3)}
    update = mx.optimizer.get_updater(mx.optimizer.SGD(learning_rate=0.5))
    update(params.keys(), grads.values(), params.values())
    update(iter(params), (grad for grad in grads.values()), map(np.asarray, params.values()))
    assert [weight.tolist() for weight in params.values()] == [[0, 0], [0, 0, 0]]
    assert update.optimizer._index_update_count == {"a": 2, "b": 2}


def test_a_list_is_checked_whole_before_anything_changes() -> None:
    update, weights = mx.optimizer.get_updater(mx.optimizer.SGD()), [np.ones(2), np.ones(2)]
    with pytest.raises(ValueError, match="parameter 1: the gradient has shape"):
        update([0, 1], [np.ones(2), np.ones(3)], weights)
    assert [weight.tolist() for weight in weights] == [[1, 1], [1, 1]]
    for indices, arrays, message in [
        ([0, 0], weights, "once per call"),
        ([0, 1], [weights[0]] * 2, "the same weight array was given for several"),
        ([0], weights, "equal lengths"),
    ]:
        with pytest.raises(ValueError, match=message):
            update(indices, [np.ones(2), np.ones(2)], arrays)


def test_get_updater_takes_an_optimizer() -> None:
    with pytest.raises(TypeError, match="get_updater takes an Optimizer"):
        mx.optimizer.get_updater("sgd")  # type: ignore[arg-type]


def test_a_tuple_is_one_index_of_one_array_and_a_list_of_several() -> None:
    weight, (first, second) = np.zeros(2), (np.zeros(2), np.zeros(2))
    updater = mx.optimizer.get_updater(mx.optimizer.create("sgd", learning_rate=1.0, momentum=0.5))
    updater((7, "W"), np.ones(2), weight)
    updater((7, "b"), np.ones(2), weight)
    updater(((7, "W"), "c"), (np.ones(2), np.ones(2)), (first, second))
    assert list(updater.states) == [(7, "W"), (7, "b"), "c"]
    np.testing.assert_array_equal([weight, first, second], [[-2, -2], [-1.5, -1.5], [-1, -1]])
    again = mx.optimizer.get_updater(mx.optimizer.create("sgd", learning_rate=1.0, momentum=0.5))
    again.set_states(updater.get_states())
    again((7, "W"), np.ones(2), weight)
    np.testing.assert_array_equal(weight, -2 - 1.75)
    optimizer = mx.optimizer.create("sgd", learning_rate=1.0)
    optimizer.update((7, "W"), weight, np.ones(2), None)
    np.testing.assert_array_equal(weight, -4.75)
    assert optimizer._index_update_count[7, "W"] == 1
    with pytest.raises(ValueError, match="either single arguments or lists of equal lengths"):
        updater([7], np.ones(2), weight)
