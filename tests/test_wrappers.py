"""A wrapper and what it wraps run as one rule, with the numbers of the two applied one after the other."""

import copy
import pickle
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from rule_runs import CLASSES, RULES, accepted

import mxcore as mx
from mxcore.kernel.rule.program import keywords
from mxcore.kernel.rule.trace import RuleError, trace
from mxcore.optimizer import Optimizer, Updater
from mxcore.step.program import Settings, traits_of
from mxcore.testing import check_optimizer
from mxcore.testing.subject import looks_at_all

Array = npt.NDArray[Any]
NAMES = {0: "fc_weight", 1: "fc_bias"}
SHAPES = ((4, 3), (5,))
COMMON = {"learning_rate": 0.05, "wd": 0.1, "clip_gradient": 1.0, "rescale_grad": 0.5, "param_idx2name": NAMES}


@mx.optimizer.register
@mx.hyperparameters
class Slowed(mx.optimizer.Wrapper):
    r"""Every ``k`` updates, goes back a part of the way: the fast weights of a slow copy.

    .. math:: slow \leftarrow slow + \alpha (w - slow)

    >>> mx.optimizer.create("slowed", optimizer="sgd", k=2).k
    2

    Args:
        optimizer: the fast optimizer.
        k: the updates in between, at least 1.
        alpha: the part, in [0, 1].

    References:
        M. Zhang et al., "Lookahead Optimizer: k steps forward, 1 step back", 2019, https://arxiv.org/abs/1907.08610
    """

    slots = (mx.Slot("slow", init="weight"), mx.Slot("calls", shape=()))
    k: int = mx.hyperparameter(3, mx.integer(at_least=1))
    alpha: float = mx.hyperparameter(0.5, mx.in_range(0, 1))

    @staticmethod
    def rule(weight, grad, slow, *, inner, calls, k, alpha):  # type: ignore[no-untyped-def]
        fast, calls = inner(weight, grad), calls + 1
        back = slow + alpha * (fast - slow)
        return np.where(calls % k == 0, back, fast), np.where(calls % k == 0, back, slow), calls

    def by_hand(self, updater: Updater, index: int, grad: Array, weight: Array, kept: dict[str, Any]) -> None:
        slow = kept.setdefault("slow", weight.copy())
        updater(index, grad, weight)
        kept["calls"] = kept.get("calls", 0) + 1
        if kept["calls"] % self.k == 0:
            slow += self.alpha * (weight - slow)
            weight[...] = slow


@mx.optimizer.register
@mx.hyperparameters
class Amplified(mx.optimizer.Wrapper):
    """Hands on the rescaled gradient with a factor, and scales the whole step."""

    factor: float = mx.hyperparameter(1.5)
    damped: bool = mx.hyperparameter(True)

    @staticmethod
    def rule(weight, grad, *, inner, factor, damped):  # type: ignore[no-untyped-def]
        new = inner(weight, factor * grad)
        return weight + 0.5 * (new - weight) if damped else new

    def by_hand(self, updater: Updater, index: int, grad: Array, weight: Array, kept: dict[str, Any]) -> None:
        before = weight.copy()
        updater(index, self.factor * grad, weight)
        if self.damped:
            weight[...] = before + 0.5 * (weight - before)


WRAPPERS = {"slowed": Slowed, "amplified": Amplified}
BARE = [
    name for name in RULES if not issubclass(CLASSES[name], mx.optimizer.Wrapper) and not looks_at_all(CLASSES[name]())
]
RAW = {name for name in BARE if "raw_grad" in keywords(CLASSES[name].rule)}
"""Rules that look at the gradient as the program gave it, whatever a wrapper makes of it."""
ARRAY_CODE = sorted(
    name
    for name, cls in CLASSES.items()
    if not cls.runs_rule() and not mx.testing.subject.required(cls) and not traits_of(cls).needs_all
)


def arguments(name: str) -> dict[str, Any]:
    """The common ones, as far as the class has them and allows them."""
    return accepted(name, COMMON)


def gradients(steps: int) -> list[list[Array]]:
    rng = np.random.default_rng(7)
    return [[rng.standard_normal(shape) for shape in SHAPES] for _ in range(steps)]


def weights() -> list[Array]:
    return [np.random.default_rng(index).standard_normal(shape) for index, shape in enumerate(SHAPES)]


def by_hand(wrapper: Any, name: str, steps: int) -> list[Array]:
    mx.random.seed(3)
    updater, found, kept = mx.optimizer.get_updater(CLASSES[name](**arguments(name))), weights(), ({}, {})
    for grads in gradients(steps):
        for index, grad in enumerate(grads):
            wrapper.by_hand(updater, index, grad, found[index], kept[index])
    return found


def trained(updater: Updater, steps: Sequence[int], found: list[Array] | None = None) -> list[Array]:
    """Weights after some of the steps, each a call with a list."""
    found = weights() if found is None else found
    every = gradients(max(steps) + 1)
    for step in steps:
        updater(list(NAMES), every[step], found)
    return found


@pytest.mark.parametrize(
    ("wrapper", "name"),
    [
        (wrapper, name)
        for wrapper in WRAPPERS
        for name in sorted({*BARE, *ARRAY_CODE})
        if not (wrapper == "amplified" and name in RAW)
    ],
)
def test_a_wrapped_rule_has_the_numbers_of_both_applied_one_after_the_other(wrapper: str, name: str) -> None:
    mx.random.seed(3)
    made = WRAPPERS[wrapper](CLASSES[name](**arguments(name)))
    updater = mx.optimizer.get_updater(made)
    found = trained(updater, range(8))
    for got, wanted in zip(found, by_hand(made, name, 8), strict=True):
        np.testing.assert_allclose(got, wanted, rtol=1e-12, atol=1e-13)
    assert dict(made._index_update_count) == {0: 8, 1: 8}
    assert made.num_update == made.optimizer.num_update == 8


def test_raw_grad_is_what_the_program_gave() -> None:
    class Raw(mx.optimizer.Optimizer):
        @staticmethod
        def rule(weight, grad, *, raw_grad):  # type: ignore[no-untyped-def]
            return raw_grad + 0 * weight

    weight = np.ones(2)
    mx.optimizer.get_updater(Amplified(Raw(rescale_grad=3.0), damped=False))(0, np.full(2, 7.0), weight)
    assert weight.tolist() == [7, 7]


def test_it_is_one_pass_over_memory() -> None:
    made = mx.optimizer.create("amplified(slowed(adam))")
    assert made.runs_rule()
    settings = Settings(made)
    assert len(trace(settings.program, settings.static[0]).stages) == 1


@pytest.mark.parametrize("name", ["adam", "nadam", "sgld", "dcasgd", "lbsgd"])
@pytest.mark.parametrize("wrapper", ["amplified(slowed({}))", "slowed(slowed({}, k=2), k=3)"])
def test_a_run_resumes_to_the_bit(wrapper: str, name: str) -> None:
    def made() -> Updater:
        mx.random.seed(3)
        return mx.optimizer.get_updater(mx.optimizer.create(wrapper.format(name), **COMMON))

    wanted = trained(made(), range(9))
    first = made()
    found = trained(first, range(5))
    again = made()
    again.set_states(first.get_states())
    for got, right in zip(trained(again, range(5, 9), found), wanted, strict=True):
        np.testing.assert_array_equal(got, right)


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda updater: pickle.loads(pickle.dumps(updater))])
@pytest.mark.parametrize("name", ["adam", "lbsgd"])
def test_a_copy_goes_on_with_the_same_bits(copied: Any, name: str) -> None:
    first = mx.optimizer.get_updater(mx.optimizer.create(f"slowed({name})", **COMMON))
    found = trained(first, range(4))
    second, others = copied(first), copy.deepcopy(found)
    for one, other in zip(trained(first, range(4, 8), found), trained(second, range(4, 8), others), strict=True):
        np.testing.assert_array_equal(one, other)


def test_the_file_says_which_class_and_what_it_wraps() -> None:
    first = mx.optimizer.get_updater(mx.optimizer.create("slowed(adam, k=2)", **COMMON))
    found = trained(first, range(3))
    again = mx.optimizer.get_updater(mx.optimizer.SGD(param_idx2name=NAMES))
    with pytest.warns(UserWarning, match="the optimizer, now Slowed"):
        again.set_states(first.get_states(dump_optimizer=True))
    assert repr(again.optimizer) == repr(first.optimizer)
    others = [weight.copy() for weight in found]
    for one, other in zip(trained(first, range(3, 6), found), trained(again, range(3, 6), others), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [("slowed(sgd)", "saved by the optimizer 'adam'"), ("amplified(adam)", "saved by the optimizer 'slowed'")],
)
def test_a_file_of_another_combination_is_refused(wrong: str, message: str) -> None:
    first = mx.optimizer.get_updater(mx.optimizer.create("slowed(adam)", **COMMON))
    trained(first, range(3))
    other = mx.optimizer.get_updater(mx.optimizer.create(wrong, **COMMON))
    with pytest.raises(ValueError, match=message):
        other.set_states(first.get_states())
    assert not other.states
    assert other.optimizer.num_update == 0


def test_states_are_the_wrappers_own_and_what_it_wraps() -> None:
    made = mx.optimizer.create("slowed(adam)", multi_precision=True)
    assert [slot.name for slot in made.state_slots()] == ["slow", "calls", "inner/mean", "inner/variance"]
    update = mx.optimizer.get_updater(made)
    for index, dtype in enumerate([np.float32, np.float16]):
        update(index, np.ones(2, dtype), np.ones(2, dtype))
    slow, (mean, variance) = update.states[0]
    master, (half_slow, inner) = update.states[1]
    assert {array.dtype.name for array in (slow, mean, variance, master, half_slow, *inner)} == {"float32"}
    assert made.host_numbers == {0: {"calls": 1.0}, 1: {"calls": 1.0}}


def test_what_belongs_to_the_wrapped_optimizer_is_read_and_assigned_through_the_wrapper() -> None:
    made = mx.optimizer.create("amplified(slowed(sgd))", learning_rate=0.5, momentum=0.9, wd=0.1)
    innermost = made.optimizer.optimizer
    assert (made.lr, made.learning_rate, made.wd, innermost.momentum) == (0.5, 0.5, 0.1, 0.9)
    made.learning_rate, made.clip_gradient = 0.25, 2.0
    made.set_lr_mult({"a_weight": 0.5})
    assert (innermost.lr, innermost.clip_gradient, innermost.lr_mult) == (0.25, 2.0, {"a_weight": 0.5})
    with pytest.raises(ValueError, match="clip_gradient must be"):
        made.clip_gradient = -1.0
    made.lr_scheduler = mx.lr_scheduler.create("factor", step=1, factor=0.5, base_lr=1.0)
    update, weight = mx.optimizer.get_updater(made), np.zeros(1)
    for _ in range(3):
        update("a_weight", np.ones(1), weight)
    assert innermost.learning_rate == made.learning_rate < 1.0
    with pytest.raises(ValueError, match="cannot be exchanged"):
        made.optimizer = mx.optimizer.SGD()


@pytest.mark.parametrize("name", ["adam", "lbsgd"])
def test_what_is_assigned_in_a_run_counts_from_the_next_update(name: str) -> None:
    mixed = mx.optimizer.create(f"slowed({name}, k=2)", **COMMON)
    update, found = mx.optimizer.get_updater(mixed), weights()
    trained(update, range(2), found)
    mixed.alpha, mixed.learning_rate = 1.0, 0.5
    before = [weight.copy() for weight in found]
    trained(update, range(2, 4), found)
    other = mx.optimizer.get_updater(mx.optimizer.create(name, **{**COMMON, "learning_rate": 0.5}))
    plain = weights()
    for step in range(4):
        other.optimizer.learning_rate = 0.05 if step < 2 else 0.5
        other(list(NAMES), gradients(4)[step], plain)
        if step == 1:
            plain = [weight.copy() for weight in before]
    for got, wanted in zip(found, plain, strict=True):
        np.testing.assert_allclose(got, wanted, rtol=1e-12)


def test_what_decides_which_state_is_kept_cannot_change_after_the_first_update() -> None:
    @mx.hyperparameters
    class Kept(mx.optimizer.Wrapper):
        keeps: bool = mx.hyperparameter(True)

        def slots(self) -> tuple[str, ...]:
            return ("last",) * self.keeps

        @staticmethod
        def rule(weight, grad, *, inner, last=None):  # type: ignore[no-untyped-def]
            new = inner(weight, grad)
            return new if last is None else (new, grad)

    made = Kept("sgd")
    made.keeps = False
    made.keeps = True
    mx.optimizer.get_updater(made)(0, np.ones(2), np.ones(2))
    with pytest.raises(ValueError, match="keeps determines which state is kept"):
        made.keeps = False


def test_text_that_reads_like_a_call_makes_optimizers_in_each_other() -> None:
    made = mx.optimizer.create("amplified(slowed(adam, k=7), factor=2.0)", learning_rate=0.25, beta1=0.5)
    again: Optimizer = eval(repr(made), {name: getattr(mx.optimizer, name) for name in ("Amplified", "Slowed", "Adam")})
    assert repr(again) == repr(made)
    assert (made.factor, made.optimizer.k, made.optimizer.optimizer.beta1, made.lr) == (2.0, 7, 0.5, 0.25)
    assert mx.optimizer.create("adam(beta1=0.5)").beta1 == 0.5


@pytest.mark.parametrize(
    ("text", "error", "message"),
    [
        ("slowed(adam, k=0)", ValueError, "k must be an integer of at least 1, got 0"),
        ("slowed(adam, alpa=1)", TypeError, "Slowed has 'alpha'"),
        ("slowed(adma)", ValueError, "did you mean"),
        ("slowed(adam, 3, k=4)", TypeError, "multiple values"),
        ("slowed()", TypeError, "needs optimizer"),
        ("slowed(adam, beta1=2)", ValueError, r"beta1 must be in \[0, 1\), got 2"),
        ("slowed(adam, k=1, k=2)", ValueError, "an argument is given twice"),
        ("slowed(adam, **{})", ValueError, "expected arguments such as"),
    ],
)
def test_what_is_wrong_with_such_a_text_is_said(text: str, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        mx.optimizer.create(text)


def test_an_optimizer_that_exists_takes_no_further_arguments() -> None:
    with pytest.raises(ValueError, match="is already an instance"):
        mx.optimizer.create("slowed", optimizer=mx.optimizer.SGD(), learning_rate=0.1)
    with pytest.raises(ValueError, match="optimizer must be an optimizer, or the name of one, got 3"):
        Slowed(3)


def wrapper(rule: Any) -> Any:
    return mx.hyperparameters(type("Faulty", (mx.optimizer.Wrapper,), {"rule": staticmethod(rule)}))("sgd")


@pytest.mark.parametrize(
    ("rule", "error", "message"),
    [
        (lambda weight, grad, *, inner: weight, TypeError, "must call inner.* once, and called it 0 times"),
        (lambda weight, grad, *, inner: inner(inner(weight, grad), grad), TypeError, "called it 2 times"),
        (lambda weight, grad: weight - grad, TypeError, r"does not take inner: a wrapper's rule calls inner"),
        (lambda weight, grad, *, inner, nothing: inner(weight, grad), TypeError, "takes 'nothing', which is neither"),
        (lambda weight, grad, *, inner: (inner(weight, grad), weight), TypeError, "must return"),
        (lambda weight, grad, *, inner: inner(weight, max(grad, 0)), RuleError, "rule of Faulty.SGD. calls max"),
    ],
)
def test_a_rule_that_does_not_wrap_is_refused_and_changes_nothing(rule: Any, error: Any, message: str) -> None:
    update, weight = mx.optimizer.get_updater(wrapper(rule)), np.ones(2)
    with pytest.raises(error, match=message):
        update(0, np.ones(2), weight)
    assert weight.tolist() == [1, 1]
    assert not update.states
    assert update.optimizer.num_update == 0


def test_an_optimizer_that_wraps_nothing_is_given_no_inner() -> None:
    class Plain(mx.optimizer.Optimizer):
        @staticmethod
        def rule(weight, grad, *, inner):  # type: ignore[no-untyped-def]
            return inner(weight, grad)

    with pytest.raises(TypeError, match="takes 'inner', which is neither"):
        mx.optimizer.get_updater(Plain())(0, np.ones(2), np.ones(2))


def test_a_class_that_updates_all_parameters_at_once_cannot_be_wrapped() -> None:
    class Together(mx.optimizer.Optimizer):
        def update_all(self, indices: Any, weights: Any, grads: Any, states: Any) -> None: ...

    with pytest.raises(ValueError, match="updates all parameters of a call at once"):
        Slowed(Together())


def test_updates_without_an_updater_work_too() -> None:
    made, found = mx.optimizer.create("slowed(adam)", **COMMON), weights()
    states = [made.create_state_multi_precision(index, weight) for index, weight in enumerate(found)]
    for grads in gradients(4):
        made.update_multi_precision(list(NAMES), found, grads, states)
    wanted = trained(mx.optimizer.get_updater(mx.optimizer.create("slowed(adam)", **COMMON)), range(4))
    for got, right in zip(found, wanted, strict=True):
        np.testing.assert_array_equal(got, right)


@mx.optimizer.register
class ByHand(mx.optimizer.Optimizer):
    """SGD in array code."""

    def update(self, index: Any, weight: Array, grad: Array, state: None) -> None:
        self._update_count(index)
        grad = grad * self.rescale_grad
        grad = grad if self.clip_gradient is None else np.clip(grad, -self.clip_gradient, self.clip_gradient)
        weight -= self._get_lr(index) * (grad + self._get_wd(index) * weight)


@pytest.mark.parametrize("inner", ["adam", "byhand"])
def test_the_conformance_kit_checks_the_combination(inner: str) -> None:
    class Combined(Slowed):
        __doc__ = Slowed.__doc__
        examples = ({"optimizer": inner},)

    check_optimizer(mx.hyperparameters(Combined))
