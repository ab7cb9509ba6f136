"""Settings changed during a run are checked like those given at its start, and never applied halfway."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import mxcore as mx

RATES = st.floats(0, 10)


def trained(optimizer: Any, updates: int = 1) -> Any:
    update, weight = mx.optimizer.get_updater(optimizer), np.ones(2)
    for _ in range(updates):
        update(0, np.ones(2), weight)
    return update


# --- schedules -------------------------------------------------------------------------------------------------------

ASSIGNED = st.lists(
    st.tuples(
        st.sampled_from(
            ["base_lr", "final_lr", "warmup_begin_lr", "warmup_steps", "max_update", "pwr", "factor", "step"]
        ),
        st.one_of(st.floats(-1, 2), st.integers(-1, 30), st.just(float("nan"))),
    ),
    max_size=6,
)


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("cosine", {"max_update": 20}),
        ("poly", {"max_update": 20}),
        ("factor", {"step": 3, "factor": 0.5}),
        ("multifactor", {"step": [3, 6], "factor": 0.5}),
    ],
)
@given(assigned=ASSIGNED, warmup=st.integers(0, 9))
def test_whatever_is_assigned_a_schedule_warms_up_and_then_falls(
    name: str, arguments: dict[str, Any], assigned: list[tuple[str, Any]], warmup: int
) -> None:
    schedule = mx.lr_scheduler.create(name, **arguments, base_lr=0.5, warmup_begin_lr=0.1, warmup_steps=warmup)
    for attribute, value in assigned:
        before = dict(vars(schedule))
        if attribute in before:
            try:
                setattr(schedule, attribute, value)
            except ValueError:
                assert vars(schedule) == before
    rates = schedule(np.arange(60))
    assert ((rates >= 0) & (rates <= schedule.base_lr * (1 + 1e-15))).all()
    changes = np.diff(rates)
    assert (changes[: max(schedule.warmup_steps - 1, 0)] >= -1e-16).all()
    assert (changes[schedule.warmup_steps :] <= 1e-15).all()


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("base_lr", -0.5, "base_lr must be None or a number of at least 0, got -0.5"),
        ("base_lr", 0.01, "warmup_begin_lr must be at most base_lr=0.01, got 0.05"),
        ("warmup_begin_lr", 0.3, "warmup_begin_lr must be at most base_lr=0.2, got 0.3"),
        ("final_lr", 0.3, "final_lr must be at most base_lr=0.2, got 0.3"),
        ("warmup_steps", 10, "warmup_steps must be less than max_update=10, got 10"),
        ("max_update", 3, "warmup_steps must be less than max_update=3, got 3"),
    ],
)
@pytest.mark.parametrize("kind", ["cosine", "poly"])
def test_conditions_between_arguments_hold_after_assignment(kind: str, name: str, value: Any, message: str) -> None:
    schedule = mx.lr_scheduler.create(kind, max_update=10, base_lr=0.2, warmup_steps=3, warmup_begin_lr=0.05)
    before = dict(vars(schedule))
    with pytest.raises(ValueError, match=message):
        setattr(schedule, name, value)
    assert vars(schedule) == before


@pytest.mark.parametrize("arguments", [{"base_lr": -0.5, "warmup_begin_lr": -1}, {"warmup_begin_lr": -1.0}])
def test_a_negative_rate_is_refused(arguments: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="must be"):
        mx.lr_scheduler.create("cosine", max_update=9, warmup_steps=3, **arguments)


def test_a_rate_given_to_an_optimizer_meets_the_conditions_of_its_schedule() -> None:
    schedule = mx.lr_scheduler.create("cosine", max_update=10, base_lr=0.2, final_lr=0.1)
    with pytest.raises(ValueError, match="final_lr must be at most base_lr=0.05, got 0.1"):
        mx.optimizer.create("sgd", learning_rate=0.05, lr_scheduler=schedule)
    assert schedule.base_lr == 0.2


def test_a_class_with_a_call_of_its_own_may_decay_its_base_rate_below_its_warm_up() -> None:
    class Decaying(mx.lr_scheduler.LRScheduler):
        def __call__(self, num_update: Any) -> Any:
            self.base_lr *= 0.1
            return self.base_lr

    schedule = Decaying(base_lr=0.1, warmup_steps=1, warmup_begin_lr=0.05)
    assert [schedule(update) for update in (1, 2)] == pytest.approx([0.01, 0.001])


@pytest.mark.parametrize("steps", [[3, 6], (3, 6), range(3, 9, 3), np.array([3, 6]), [np.int64(3), np.int32(6)]])
def test_steps_are_copied_whatever_they_are_given_as(steps: Any) -> None:
    schedule = mx.lr_scheduler.create("multifactor", step=steps, factor=0.5, base_lr=1.0)
    if isinstance(steps, (list, np.ndarray)):
        steps[1] = 100
    assert schedule.step == (3, 6)
    assert all(type(step) is int for step in schedule.step)
    assert schedule(7) == 0.25
    assert mx.lr_scheduler.create(schedule.dumps())(7) == 0.25


@pytest.mark.parametrize("steps", [np.array(3), np.array([3.5]), np.array([[3, 6]]), range(0), {3: 6}])
def test_what_holds_no_increasing_integers_is_refused(steps: Any) -> None:
    with pytest.raises(ValueError, match="step must be a list of increasing integers"):
        mx.lr_scheduler.create("multifactor", step=steps)


@pytest.mark.parametrize("value", [float("nan"), -0.1])
@pytest.mark.parametrize("name", ["sgd", "groupadagrad"])
def test_what_a_schedule_says_is_never_negative_nor_nan(name: str, value: float) -> None:
    @mx.hyperparameters
    class Crossing(mx.lr_scheduler.LRScheduler):
        def rate(self, t: Any) -> Any:
            return np.where(t < 3, self.base_lr, value)

    for schedule in (Crossing(0.5), lambda update: 0.5 if update < 3 else value):
        update, weight = mx.optimizer.get_updater(mx.optimizer.create(name, lr_scheduler=schedule)), np.ones(1)
        for _ in range(2):
            update(0, np.ones(1), weight)
        before = weight.copy()
        with pytest.raises(ValueError, match=f"the lr_scheduler returned {value} for update 3: .* at least 0"):
            update(0, np.ones(1), weight)
        assert weight == before


# --- the learning rate -----------------------------------------------------------------------------------------------


@given(rate=RATES)
def test_the_learning_rate_may_be_assigned(rate: float) -> None:
    optimizer = mx.optimizer.create("sgd", learning_rate=0.5)
    optimizer.learning_rate = rate
    assert optimizer.learning_rate == optimizer.lr == rate


def test_with_a_scheduler_an_assigned_rate_is_its_base_rate() -> None:
    schedule = mx.lr_scheduler.create("factor", step=1, factor=0.5, base_lr=1.0)
    update = trained(mx.optimizer.create("sgd", lr_scheduler=schedule), updates=3)
    update.optimizer.learning_rate = np.float32(0.5)
    assert schedule.base_lr == 0.5
    assert update.optimizer.learning_rate == 0.125


@pytest.mark.parametrize("rate", [-1.0, float("nan"), "fast", None])
@pytest.mark.parametrize("schedule", [None, "factor"])
def test_a_rate_that_makes_no_sense_is_not_assigned(rate: Any, schedule: Any) -> None:
    given = schedule and mx.lr_scheduler.create(schedule, step=5)
    optimizer = mx.optimizer.create("sgd", learning_rate=0.5, lr_scheduler=given)
    with pytest.raises(ValueError, match=r"learning_rate must be .*a number of at least 0, got"):
        optimizer.learning_rate = rate
    assert optimizer.learning_rate == 0.5


def test_the_rate_of_a_function_cannot_be_assigned() -> None:
    optimizer = mx.optimizer.create("sgd", lr_scheduler=lambda update: 0.1)
    with pytest.raises(ValueError, match="the lr_scheduler is a function"):
        optimizer.learning_rate = 0.5


def test_without_its_scheduler_an_optimizer_keeps_the_present_rate() -> None:
    schedule = mx.lr_scheduler.create("factor", step=1, factor=0.5, base_lr=1.0)
    update, weight = trained(mx.optimizer.create("sgd", lr_scheduler=schedule), updates=3), np.ones(1)
    update.optimizer.lr_scheduler = None
    assert update.optimizer.learning_rate == 0.25
    update(0, np.ones(1), weight[:1])
    assert weight == 0.75


def test_a_scheduler_without_a_base_rate_goes_on_with_the_present_one() -> None:
    optimizer = mx.optimizer.create("sgd", learning_rate=0.25)
    optimizer.lr_scheduler = mx.lr_scheduler.create("factor", step=10, base_lr=None)
    assert optimizer.learning_rate == 0.25


# --- what decides which state exists ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "name", "value"),
    [
        ({"optimizer": "adam"}, "multi_precision", True),
        ({"optimizer": "lbsgd", "multi_precision": True}, "multi_precision", False),
        ({"optimizer": "sgd", "momentum": 0.5}, "momentum", 0),
        ({"optimizer": "sgd"}, "momentum", 0.5),
        ({"optimizer": "rmsprop"}, "centered", True),
        ({"optimizer": "lars", "momentum": 0.5}, "momentum_correction", False),
    ],
)
def test_what_decides_which_state_is_kept_cannot_change_during_a_run(
    arguments: dict[str, Any], name: str, value: Any
) -> None:
    optimizer = mx.optimizer.create(**arguments)
    before = getattr(optimizer, name)
    setattr(optimizer, name, value)  # nothing has been updated yet
    setattr(optimizer, name, before)
    trained(optimizer)
    setattr(optimizer, name, before)
    with pytest.raises(ValueError, match=f"{name} determines which state is kept, so it cannot change after the first"):
        setattr(optimizer, name, value)
    assert getattr(optimizer, name) == before


def test_numbers_that_decide_nothing_may_change() -> None:
    update = trained(mx.optimizer.SGD(momentum=0.5))
    update.optimizer.momentum, update.optimizer.wd, update.optimizer.clip_gradient = 0.25, 0.5, 1.0
    update(0, np.ones(2), np.ones(2))


# --- names -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "name", "meant"),
    [
        (lambda: mx.optimizer.Adam(), "beta_1", "beta1"),
        (lambda: mx.optimizer.Adam(), "Epsilon", "epsilon"),
        (lambda: mx.optimizer.SGD(), "param_idx2name", "idx2name"),
        (lambda: mx.optimizer.SGD(), "learning_rates", "lr"),
        (lambda: mx.lr_scheduler.create("cosine", max_update=9), "warmup_step", "warmup_steps"),
        (lambda: mx.init.Xavier(), "magnitud", "magnitude"),
    ],
)
def test_a_new_name_close_to_a_declared_one_is_refused(make: Any, name: str, meant: str) -> None:
    instance = make()
    with pytest.raises(AttributeError, match=f"has no attribute '{name}': did you mean '{meant}'"):
        setattr(instance, name, 0.5)
    assert name not in vars(instance)


def test_other_new_names_and_those_of_a_class_of_its_own_are_allowed() -> None:
    class Mine(mx.optimizer.Adam):
        def __init__(self, **kwargs: Any) -> None:
            super().__init__(**kwargs)
            self.beta_1 = 0.5

    optimizer = Mine()
    optimizer.beta_1, optimizer.comment, optimizer._beta1 = 0.25, "mine", 1
    assert (optimizer.beta_1, optimizer.comment) == (0.25, "mine")


def test_an_author_states_conditions_between_arguments() -> None:
    @mx.hyperparameters
    class Bounded(mx.optimizer.Optimizer):
        low: float = mx.hyperparameter(0.0)
        high: float = mx.hyperparameter(1.0)

        def check_together(self) -> None:
            if self.low > self.high:
                raise ValueError(f"low must be at most high={self.high}, got {self.low}")

    with pytest.raises(ValueError, match=r"low must be at most high=1.0, got 2"):
        Bounded(low=2)
    optimizer = Bounded()
    with pytest.raises(ValueError, match=r"low must be at most high=-1, got 0.0"):
        optimizer.high = -1
    assert optimizer.high == 1.0


def test_the_check_for_strings_has_an_older_name() -> None:
    @mx.hyperparameters
    class Named(mx.lr_scheduler.LRScheduler):
        label: str = mx.hyperparameter("", mx.string)

    with pytest.raises(ValueError, match="label must be a string, got 3"):
        Named(label=3)
    assert mx.text is mx.string
