"""Mixed leaves each parameter to the first optimizer whose pattern matches."""

import copy
import functools
import pickle
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

import mxcore as mx
from mxcore import kernel
from mxcore.native.emitters import available
from mxcore.optimizer import Optimizer, Updater
from mxcore.testing import check_optimizer

Array = npt.NDArray[Any]
NAMES = ["conv_weight", "conv_bias", "fc_weight", "fc_bias"]
SHAPES = [(3, 4), (3,), (5, 3), (5,)]
BIASES, OTHERS = [1, 3], [0, 2]
POLY = functools.partial(mx.lr_scheduler.create, "poly", max_update=8, base_lr=0.1)


def is_matrix(name: str, weight: Array) -> bool:
    return weight.ndim == 2


def weights(dtype: str = "float64") -> list[Array]:
    return [np.random.default_rng(place).normal(size=shape).astype(dtype) for place, shape in enumerate(SHAPES)]


def gradients(step: int, dtype: str = "float64") -> list[Array]:
    return [np.random.default_rng((step, place)).normal(size=shape).astype(dtype) for place, shape in enumerate(SHAPES)]


def mixed(*optimizers: Any, **settings: Any) -> Any:
    """Return an optimizer for biases and one for everything else."""
    return mx.optimizer.Mixed([".*bias", ".*"], list(optimizers) or ["sgd", "adam"], **settings)


def run(update: Updater[Any], steps: range, params: list[Array], places: Any = range(4), single: bool = False) -> None:
    for step in steps:
        grads = gradients(step, str(params[0].dtype))
        if single:
            for place in places:
                update(NAMES[place], grads[place], params[place])
        else:
            update([NAMES[place] for place in places], [grads[place] for place in places], [params[p] for p in places])


def same(one: list[Array], other: list[Array]) -> None:
    assert [array.tobytes() for array in one] == [array.tobytes() for array in other]


@pytest.fixture(params=available())
def emitter(request: pytest.FixtureRequest) -> Iterator[str]:
    before = kernel.in_use()
    kernel.use(request.param)
    yield request.param
    kernel.use(before)


PAIRS: dict[str, tuple[Callable[[], Optimizer], Callable[[], Optimizer]]] = {
    "rules": (lambda: mx.optimizer.SGD(momentum=0.9, wd=0.1), lambda: mx.optimizer.Adam(lr_scheduler=POLY())),
    "wrappers": (lambda: mx.optimizer.create("lookahead(sgd, k=2)"), lambda: mx.optimizer.create("average(adam)")),
    "array code": (lambda: mx.optimizer.GroupAdaGrad(learning_rate=0.1), lambda: mx.optimizer.LAMB()),
    "groups": (
        lambda: mx.optimizer.SGD(momentum=0.9, groups={"fc": {"momentum": 0.5}}),
        lambda: mx.optimizer.Nadam(groups={"conv": {"learning_rate": 0.5, "wd": 0.1}}),
    ),
}


@pytest.mark.parametrize("pair", PAIRS)
@pytest.mark.parametrize("dtype", ["float64", "float32", "float16"])
@pytest.mark.parametrize("single", [False, True])
def test_it_has_the_bits_of_two_updaters(pair: str, dtype: str, single: bool, emitter: str) -> None:
    first, second = PAIRS[pair]
    together, apart, half = weights(dtype), weights(dtype), dtype == "float16"
    update = mx.optimizer.get_updater(mixed(first(), second(), multi_precision=half, rescale_grad=0.5))
    run(update, range(6), together, single=single)
    for make, places in ((first, BIASES), (second, OTHERS)):
        alone = make()
        alone.multi_precision, alone.rescale_grad = half, 0.5
        run(mx.optimizer.get_updater(alone), range(6), apart, places)
    same(together, apart)
    assert update.optimizer._index_update_count == dict.fromkeys(NAMES, 6)
    assert update.optimizer.num_update == 6


def test_a_function_of_name_and_weight_chooses_and_the_first_that_fits_counts() -> None:
    found = mx.optimizer.Mixed([is_matrix, "conv", ".*"], ["adam", "sgd(momentum=0.5)", "sgd"])
    with pytest.raises(ValueError, match="the optimizer of 'fc_bias' depends on its weight, and is known after its"):
        found.settings_of("fc_bias")
    run(mx.optimizer.get_updater(found), range(1), weights())
    assert [found.optimizers.index(found.optimizer_of(name)) for name in NAMES] == [0, 1, 0, 2]
    assert found.settings_of("conv_bias")["momentum"] == 0.5
    assert "beta1" in found.settings_of("fc_weight")


def test_one_instance_may_have_several_patterns() -> None:
    adam = mx.optimizer.Adam()
    found = mx.optimizer.Mixed(["conv_b", "conv", ".*"], [adam, "sgd", adam])
    params, wanted = weights(), weights()
    run(mx.optimizer.get_updater(found), range(3), params)
    run(mx.optimizer.get_updater(mx.optimizer.Adam()), range(3), wanted, [1, 2, 3])
    same(params[1:], wanted[1:])


def test_a_name_that_nothing_matches_is_an_error_before_anything_changes() -> None:
    update, params = mx.optimizer.get_updater(mx.optimizer.Mixed(["conv", is_matrix], ["sgd", "adam"])), weights()
    with pytest.raises(ValueError, match=r"'fc_bias' matches none of the patterns 'conv', is_matrix: add \"\.\*\" as"):
        run(update, range(1), params)
    same(params, weights())
    assert not update.states
    assert not update.optimizer._index_update_count


# --- settings --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((["a"], ["sgd", "adam"]), "patterns and optimizers must have the same length, got 1 and 2"),
        (([], []), r"patterns must be a list of regular expressions, or functions of a name and a weight, got \(\)"),
        ((["*"], ["sgd"]), r"patterns must be .*: '\*' is not a regular expression: nothing to repeat"),
        ((".*", ["sgd"]), r"patterns must be a list of regular expressions, .*, got '\.\*'"),
        (([".*"], "sgd"), "optimizers must be a list of optimizers or their names, got 'sgd'"),
        (([".*"], ["sdg"]), "optimizers must be .*, got 'sdg': cannot find optimizer 'sdg': did you mean"),
        (([".*"], [3]), "optimizers must be a list of optimizers or their names, got 3"),
        (
            ([".*"], ["sgd(accumulate=2)"]),
            "accumulate of SGD is 2, but is a setting of the whole call: give it to Mixed",
        ),
        (([".*"], ["average(sgd, rescale_grad=0.5)"]), "rescale_grad of Average is 0.5, but is a setting of the whole"),
        (([".*"], [mx.optimizer.SGD(param_idx2name={0: "a"})]), "param_idx2name of SGD is .*: give it to Mixed"),
        (
            ([".*"], [mx.optimizer.SGD(groups={"a": {"frozen": True}})]),
            "the groups of SGD freeze parameters, which only",
        ),
        (([".*"], ["prodigy"]), "Prodigy keeps 'd' for all parameters of a model, and cannot be one of a Mixed"),
        (([".*"], [mx.optimizer.Mixed([".*"], ["sgd"])]), "Mixed updates all parameters of a call at once, and cannot"),
    ],
)
def test_what_makes_no_sense_is_refused(arguments: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        mx.optimizer.Mixed(*arguments)


def test_what_the_optimizers_own_is_refused_with_instances_and_given_to_names() -> None:
    for name, value in (("learning_rate", 0.5), ("wd", 0.1), ("clip_gradient", 1.0), ("lr_scheduler", POLY())):
        message = f"Mixed has no {name} of its own: set that of its optimizers, as in mixed"
        own = "adam(wd=0.0)" if name == "wd" else f"adam({name}=None)"
        for other in (mx.optimizer.Adam(), own):
            with pytest.raises(ValueError, match=message):
                mixed(mx.optimizer.SGD(), other, **{name: value})
    found = mixed("sgd", "average(adam(learning_rate=0.2))", learning_rate=0.5, wd=0.1)
    assert [(one.learning_rate, one.wd) for one in found.optimizers] == [(0.5, 0.1), (0.2, 0.1)]
    assert found.learning_rate == 0.5
    for name in ("learning_rate", "wd", "clip_gradient", "lr_scheduler"):
        with pytest.raises(ValueError, match=f"Mixed has no {name} of its own"):
            setattr(found, name, 0.3)
    with pytest.raises(ValueError, match="Mixed has no learning_rate of its own"):
        found.set_learning_rate(0.3)
    for name in ("patterns", "optimizers"):
        with pytest.raises(ValueError, match=f"the {name} of Mixed cannot be exchanged: make a new Mixed"):
            setattr(found, name, ["a", "b"])
    found.optimizers[1].learning_rate = 0.3
    assert found.settings_of("fc_weight")["learning_rate"] == 0.3


def test_an_optimizer_that_is_in_use_is_refused_and_one_of_a_mixed_has_no_updater() -> None:
    sgd = mx.optimizer.SGD()
    found = mixed(sgd, "adam")
    with pytest.raises(ValueError, match="SGD is in use elsewhere: create another one for Mixed"):
        mixed(sgd, "adam")
    with pytest.raises(RuntimeError, match="this optimizer is one of a Mixed: call the updater of the Mixed"):
        mx.optimizer.get_updater(sgd)("w", np.ones(1), np.ones(1))
    with pytest.raises(ValueError, match="Mixed updates all parameters of a call at once, and cannot be wrapped"):
        mx.optimizer.Average(found)


def test_assignments_reach_the_optimizers() -> None:
    found = mixed("sgd", "average(adam)", learning_rate=0.5)
    found.rescale_grad, found.idx2name = 0.25, dict(enumerate(NAMES))
    found.set_lr_mult({"fc_bias": 0.5})
    assert [found.settings_of(name)["learning_rate"] for name in NAMES] == [0.5, 0.5, 0.5, 0.25]
    found.lr_mult["conv_bias"] = 0.1
    assert found.settings_of(1)["learning_rate"] == 0.05
    plain = mx.optimizer.SGD(learning_rate=0.5, rescale_grad=0.25, param_idx2name=dict(enumerate(NAMES)))
    plain.set_lr_mult({"fc_bias": 0.5, "conv_bias": 0.1})
    params, wanted = weights(), weights()
    for update, some in ((mx.optimizer.get_updater(found), params), (mx.optimizer.get_updater(plain), wanted)):
        update(BIASES, [gradients(1)[place] for place in BIASES], [some[place] for place in BIASES])
    same(params, wanted)


def test_weight_decay_follows_the_names_as_each_optimizer_has_it() -> None:
    names = {0: "bn_gamma", 1: "ln_gamma", 2: "fc_weight"}
    found = mx.optimizer.Mixed(["bn", ".*"], ["lars", "sgd"], wd=0.1, param_idx2name=names)
    assert [found.settings_of(name)["wd"] for name in names.values()] == [0.0, 0.1, 0.1]
    found.wd_mult["fc_weight"] = 0.3
    assert found.settings_of("fc_weight")["wd"] == pytest.approx(0.03)
    found.set_wd_mult({"bn_gamma": 2.0, "fc_weight": 0.5})
    assert [found.settings_of(name)["wd"] for name in names.values()] == [0.2, 0.1, 0.05]


def test_settings_of_a_call_that_an_optimizer_gets_later_are_refused_by_the_next_update() -> None:
    found = mixed(accumulate=2)
    update, params = mx.optimizer.get_updater(found), weights()
    run(update, range(2), params)
    found.optimizers[0].groups = {"fc": {"wd": 0.1}}  # which must not switch accumulation off
    run(update, range(1), params)
    assert found.num_update == 1
    found.optimizers[0].maximize = True
    before = copy.deepcopy(params)
    with pytest.raises(ValueError, match="maximize of SGD is True, but is a setting of the whole call"):
        run(update, range(1), params)
    same(params, before)


def test_a_repr_makes_an_equal_one() -> None:
    found = mixed("sgd(momentum=0.5)", mx.optimizer.Adam(beta1=0.8), rescale_grad=0.5, multi_precision=True)
    again = eval(repr(found), {name: getattr(mx.optimizer, name) for name in ("Mixed", "SGD", "Adam")})
    assert repr(again) == repr(found)


# --- settings of a call ----------------------------------------------------------------------------------------------


def test_the_global_norm_is_over_all() -> None:
    params, wanted = weights(), weights()
    found = mixed("sgd(momentum=0.9)", "sgd", learning_rate=0.5, clip_global_norm=0.25, rescale_grad=0.5)
    run(mx.optimizer.get_updater(found), range(1), params)
    grads = [0.5 * grad for grad in gradients(0)]
    norm = np.sqrt(sum((grad**2).sum() for grad in grads))
    for weight, grad in zip(wanted, grads, strict=True):
        weight -= 0.5 * grad * 0.25 / (norm + 1e-6)
    np.testing.assert_allclose(np.concatenate([p.ravel() for p in params]), np.concatenate([w.ravel() for w in wanted]))
    assert found.settings_of("fc_bias")["rescale_grad"] == found.rescale_grad == 0.5
    update = mx.optimizer.get_updater(found)
    run(update, range(1), params)
    with pytest.raises(ValueError, match="Mixed looks at all parameters of a model together, but this call lacks"):
        run(update, range(1), params, BIASES)


def test_a_gradient_that_is_nan_shows_with_a_global_norm_too() -> None:
    update, params, grads = mx.optimizer.get_updater(mixed(clip_global_norm=1.0)), weights(), gradients(0)
    grads[0][0, 0] = np.nan
    update(NAMES, grads, params)
    assert all(np.isnan(param).all() for param in params)
    update(NAMES, gradients(1), weights())


@pytest.mark.parametrize("settings", [{}, {"clip_global_norm": 1e-3}])
def test_small_scaled_gradients_in_half_precision_are_not_lost(settings: Any) -> None:
    scale = mx.DynamicLossScale(2.0**16)
    found = mixed("sgd", "sgd", learning_rate=1.0, loss_scale=scale, multi_precision=True, **settings)
    update, params = mx.optimizer.get_updater(found), [np.zeros(shape, "float16") for shape in SHAPES]
    update(NAMES, [np.full(shape, 1e-9 * 2**16, "float16") for shape in SHAPES], params)
    for name in NAMES:
        np.testing.assert_allclose(update.states[name][0], -1e-9, rtol=1e-3)


def test_accumulation_maximizing_and_frozen_groups() -> None:
    groups = {"conv": {"frozen": True}}
    found = mixed(learning_rate=0.1, accumulate=2, maximize=True, groups=groups)
    update, params, wanted = mx.optimizer.get_updater(found), weights(), weights()
    run(update, range(4), params)
    same(params[:2], weights()[:2])
    for name, place in (("adam", 2), ("sgd", 3)):
        alone = mx.optimizer.create(name, learning_rate=0.1, accumulate=2, maximize=True)
        run(mx.optimizer.get_updater(alone), range(4), wanted, [place])
    np.testing.assert_allclose(params[2], wanted[2], rtol=1e-14)
    np.testing.assert_allclose(params[3], wanted[3], rtol=1e-14)
    assert list(update.states) == ["fc_weight", "fc_bias"]
    with pytest.raises(ValueError, match=r"groups\['fc'\]: Mixed can only freeze parameters: give 'wd' to the"):
        mixed(groups={"fc": {"wd": 0.1}})


def test_gradients_that_are_not_finite_skip_all_or_raise() -> None:
    for settings, error in (({"on_nonfinite": "skip"}, None), ({"on_nonfinite": "raise"}, FloatingPointError)):
        update, params, grads = mx.optimizer.get_updater(mixed(**settings)), weights(), gradients(0)
        grads[3][0] = np.inf
        if error is None:
            update(NAMES, grads, params)
            assert update.gate.skipped == 1
        else:
            with pytest.raises(error, match="the gradient of parameter 'fc_bias' has elements that are infinite"):
                update(NAMES, grads, params)
        same(params, weights())
        assert not update.optimizer.num_update


def test_bound_and_nested_calls_are_the_same() -> None:
    wanted, bound, nested = weights(), weights(), weights()
    run(mx.optimizer.get_updater(mixed()), range(3), wanted)
    grads = gradients(0)
    step = mx.optimizer.get_updater(mixed()).bind(bound, grads, NAMES)
    tree = {"conv": {"weight": nested[0], "bias": nested[1]}, "fc": {"weight": nested[2], "bias": nested[3]}}
    update = mx.optimizer.get_updater(mixed())
    for number in range(3):
        for grad, new in zip(grads, gradients(number), strict=True):
            grad[...] = new
        step()
        given = gradients(number)
        update.update(
            {"conv": {"weight": given[0], "bias": given[1]}, "fc": {"weight": given[2], "bias": given[3]}}, tree
        )
    same(bound, wanted)
    same(nested, wanted)


# --- failures --------------------------------------------------------------------------------------------------------


@mx.hyperparameters
class Refusing(Optimizer):
    """A rule that cannot be traced."""

    @staticmethod
    def rule(weight, grad, *, lr):  # type: ignore[no-untyped-def]
        return np.linalg.inv(weight)


@mx.hyperparameters
class Failing(Optimizer):
    """Array code that fails."""

    def create_state(self, index: Any, weight: Any) -> None:
        return None

    def update(self, index: Any, weight: Any, grad: Any, state: Any) -> None:
        raise ZeroDivisionError


@mx.hyperparameters
class Counting(Optimizer):
    """A rule whose rates are looked up by code."""

    def _get_lr(self, index: Any) -> float:
        return 0.1 / self._index_update_count[index]

    @staticmethod
    def rule(weight, grad, *, lr):  # type: ignore[no-untyped-def]
        return weight - lr * grad


def bad_schedule(update: int) -> float:
    return -1.0 if update > 1 else 0.1


@pytest.mark.parametrize("other", [Refusing, Failing, lambda: mx.optimizer.SGD(lr_scheduler=bad_schedule)])
@pytest.mark.parametrize("good", ["sgd(momentum=0.9)", Counting()])
@pytest.mark.parametrize("first", [True, False])
def test_a_failure_of_one_leaves_everything_unchanged(other: Any, good: Any, first: bool, emitter: str) -> None:
    good = copy.deepcopy(good)
    found = mixed(other(), good) if first else mixed(good, other())
    update, params = mx.optimizer.get_updater(found), weights()
    if callable(other) and not isinstance(other, type):
        run(update, range(1), params)
    before, states, counts = copy.deepcopy((params, dict(update.states), dict(found._index_update_count)))
    with pytest.raises((TypeError, ValueError, ZeroDivisionError)):
        run(update, range(1), params)
    same(params, before)
    assert repr(update.states) == repr(states)
    assert dict(found._index_update_count) == counts
    assert found.num_update == max(counts.values(), default=0)


def test_arrays_that_do_not_fit_the_second_optimizer_leave_everything_unchanged() -> None:
    update, params = mx.optimizer.get_updater(mixed("sgd", "adam")), weights()
    run(update, range(1), params)
    update.states["fc_weight"] = (np.zeros(2), np.zeros(2))
    before = copy.deepcopy(params)
    with pytest.raises(ValueError, match="fc_weight"):
        run(update, range(1), params)
    same(params, before)
    assert set(update.optimizer._index_update_count.values()) == {1}


@pytest.mark.parametrize("ahead", [BIASES, OTHERS])
def test_optimizers_of_different_counts_agree_on_the_highest(ahead: list[int], emitter: str) -> None:
    update, params = mx.optimizer.get_updater(mixed()), weights()
    run(update, range(3), params, ahead)
    run(update, range(2), params)
    counts = {name: 5 if place in ahead else 2 for place, name in enumerate(NAMES)}
    assert dict(update.optimizer._index_update_count) == counts
    assert update.optimizer.num_update == 5


def test_settings_arrays_and_states_may_change_between_calls(emitter: str) -> None:
    results = []
    for optimizer in (mixed("adam", "adam"), mx.optimizer.Adam()):
        update, params = mx.optimizer.get_updater(optimizer), weights()
        run(update, range(2), params)
        for adam in getattr(optimizer, "optimizers", [optimizer]):
            adam.learning_rate = 0.5
        run(update, range(2), params)
        params = [np.asfortranarray(param) for param in params]
        run(update, range(2), params)
        update.states["fc_bias"] = tuple(0.5 * one for one in update.states["fc_bias"])
        run(update, range(2), params)
        update(NAMES[::-1], gradients(2)[::-1], params[::-1])
        results.append(params)
    same(*results)


# --- states ----------------------------------------------------------------------------------------------------------


def resumable(**settings: Any) -> Updater[Any]:
    adam = mx.optimizer.create("average(adam, beta=0.5)", lr_scheduler=POLY())
    lookahead = mx.optimizer.create("lookahead(sgd(momentum=0.9), k=2)", learning_rate=0.1)
    return mx.optimizer.get_updater(mixed(lookahead, adam, **settings))


@pytest.mark.parametrize("dtype", ["float64", "float16"])
def test_resuming_gives_the_same_bits(dtype: str) -> None:
    through, wanted, params = resumable(multi_precision=True), weights(dtype), weights(dtype)
    run(through, range(8), wanted)
    first, resumed = resumable(multi_precision=True), resumable(multi_precision=True)
    run(first, range(5), params)
    parts = resumed.optimizer.optimizers
    resumed.set_states(first.get_states())
    assert [id(one) for one in resumed.optimizer.optimizers] == [id(one) for one in parts]
    run(resumed, range(5, 8), params)
    same(params, wanted)
    same(resumed.evaluation_weights(params, NAMES), through.evaluation_weights(wanted, NAMES))
    assert dict(resumed.optimizer._index_update_count) == dict.fromkeys(NAMES, 8)


def test_settings_of_the_optimizers_are_taken_from_the_file_with_a_warning() -> None:
    first, resumed = mx.optimizer.get_updater(mixed()), mx.optimizer.get_updater(mixed())
    first.optimizer.optimizers[1].beta1 = 0.8
    first.optimizer.set_lr_mult({"fc_bias": 0.5})
    run(first, range(1), weights())
    with pytest.warns(UserWarning, match=r"taken from the file: beta1 = 0\.8 \(not 0\.9\)"):
        resumed.set_states(first.get_states())
    assert resumed.optimizer.optimizers[1].beta1 == 0.8
    assert resumed.optimizer.settings_of("fc_bias")["learning_rate"] == 0.005
    resumed.optimizer.lr_mult["fc_bias"] = 0.1  # still one table
    assert resumed.optimizer.settings_of("fc_bias")["learning_rate"] == 0.001


def test_a_file_of_other_optimizers_or_patterns_does_not_fit() -> None:
    first = mx.optimizer.get_updater(mixed())
    run(first, range(1), weights())
    for other, message in (
        (mixed("sgd", "nadam"), "it was saved by the optimizer 'adam' .*but the updater has 'nadam'"),
        (mixed(), None),
        (mx.optimizer.Mixed([".*weight", ".*"], ["sgd", "adam"]), "the patterns of Mixed cannot be exchanged"),
        (mx.optimizer.Mixed([".*"], ["sgd"]), "its wrapped optimizers are"),
    ):
        update = mx.optimizer.get_updater(other)
        if message is None:
            update.set_states(first.get_states())
            continue
        before = repr(other)
        with pytest.raises(ValueError, match=message):
            update.set_states(first.get_states())
        assert repr(other) == before
        assert not update.states


def test_a_state_that_another_version_of_an_optimizer_saved_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    first = resumable()
    run(first, range(1), weights())
    saved = first.get_states()
    monkeypatch.setattr(mx.optimizer.Adam, "state_version", 2)
    with pytest.raises(ValueError, match="the states of Adam have version 1, not 2: they cannot be upgraded"):
        resumable().set_states(saved)


def test_the_optimizer_itself_can_come_from_the_file() -> None:
    other, params = mx.optimizer.get_updater(mx.optimizer.create("sgd")), weights()
    plain = mx.optimizer.get_updater(mixed("sgd(momentum=0.9)", mx.optimizer.Adam(lr_scheduler=POLY())))
    run(plain, range(2), params)
    again = copy.deepcopy(params)
    with pytest.warns(UserWarning, match="taken from the file: the optimizer, now Mixed"):
        other.set_states(plain.get_states(dump_optimizer=True))
    run(plain, range(2, 4), params)
    run(other, range(2, 4), again)
    same(params, again)


@pytest.mark.parametrize("duplicate", [copy.deepcopy, lambda update: pickle.loads(pickle.dumps(update))])
def test_copies_go_on_with_the_same_bits(duplicate: Callable[[Any], Any]) -> None:
    update, params = mx.optimizer.get_updater(mixed("sgd", "average(adam)", learning_rate=0.1)), weights()
    run(update, range(3), params)
    other, theirs = duplicate(update), copy.deepcopy(params)
    other.optimizer.set_lr_mult({})
    run(other, range(3, 6), theirs)
    run(update, range(3, 6), params)
    same(theirs, params)
    assert other.optimizer.num_update == update.optimizer.num_update == 6


def test_two_updaters_of_one_mixed_count_and_choose_separately() -> None:
    found = mx.optimizer.Mixed([is_matrix, ".*"], ["adam", "sgd"])
    one, other = mx.optimizer.get_updater(found), mx.optimizer.get_updater(found)
    for _ in range(2):
        one(0, np.ones((2, 2)), np.ones((2, 2)))
    other(0, np.ones(2), np.ones(2))
    assert found.optimizer_of(0) is found.optimizers[1]
    assert dict(found._index_update_count) == {0: 1}
    one(0, np.ones((2, 2)), np.ones((2, 2)))
    assert found.optimizer_of(0) is found.optimizers[0]
    assert dict(found._index_update_count) == {0: 3}


def test_evaluation_weights_are_those_of_the_optimizer_that_has_the_parameter() -> None:
    update, params = resumable(), weights()
    run(update, range(4), params)
    trained = copy.deepcopy(params)
    with update.evaluating(params, NAMES):
        same([params[place] for place in BIASES], [trained[place] for place in BIASES])
        same([params[place] for place in OTHERS], [update.states[NAMES[place]][0] for place in OTHERS])
        assert not np.array_equal(params[0], trained[0])
    same(params, trained)


def test_it_conforms_with_functions_too() -> None:
    class ByShape(mx.optimizer.Mixed):
        """Mixed, by shape."""

        __doc__ = mx.optimizer.Mixed.__doc__
        examples = ({"patterns": [is_matrix, ".*"], "optimizers": ["adam", "sgd"]},)
        bad_examples = ()

    check_optimizer(ByShape)
