"""The algebra of schedules: laws of operators, strings, rates ahead of time, and saved states."""

import copy
import functools
import json
import pickle
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import mxcore as mx
from mxcore import catalogue
from mxcore.lr_scheduler import LRScheduler, evaluate, join
from mxcore.step.rates import Rates

N = np.arange(80)
make = mx.lr_scheduler.create
LEAVES: list[LRScheduler] = [
    make("constant", base_lr=0.5, factor=0.25, total_steps=7),
    make("exponential", gamma=0.5, base_lr=0.3, decay_steps=9),
    make("linear", total_steps=20, base_lr=0.7, start_factor=0.0),
    make("cosine", max_update=30, base_lr=0.2, final_lr=0.01, warmup_steps=3),
    make("multifactor", step=[5, 11], factor=[0.5, 0.1], base_lr=0.9),
    make("onecycle", total_steps=40, max_lr=0.6),
    make("reduceonplateau", base_lr=0.4),
]


def _several(one: st.SearchStrategy[LRScheduler]) -> st.SearchStrategy[LRScheduler]:
    """Return a strategy of schedules that combine others."""
    count = st.integers(1, 30)
    return st.one_of(
        st.builds(lambda a, b: a * b, one, one),
        st.builds(lambda a, factor: factor * a, one, st.floats(0.1, 2)),
        st.builds(lambda a, low, more: a.clamp(low, low + more), one, st.floats(0, 0.3), st.floats(0, 0.3)),
        st.builds(lambda a, period, times: a.repeat(period, times), one, count, st.none() | st.integers(1, 3)),
        st.builds(lambda a, b, at: a.join(b, at), one, one, count),
        st.builds(lambda a, steps: a.warmup(steps), one, st.integers(0, 20)),
    )


few = settings(max_examples=25)
leaves = st.sampled_from(LEAVES)
schedules = st.recursive(leaves, _several, max_leaves=5)


@few
@given(schedule=schedules, order=st.permutations([0, 1, 2, 7, 30, 79, 10**6]))
def test_numbers_in_any_order_have_the_bits_of_an_array(schedule: LRScheduler, order: list[int]) -> None:
    assert evaluate(schedule, order).tolist() == [schedule(update) for update in order]


@few
@given(schedule=schedules)
def test_strings_reprs_and_copies_are_equal(schedule: LRScheduler) -> None:
    classes = {name: getattr(mx.lr_scheduler, name) for name in re.findall(r"(\w+)\(", repr(schedule))}
    ways = [make(schedule.dumps()), eval(repr(schedule), classes), pickle.loads(pickle.dumps(schedule))]
    for again in [*ways, copy.deepcopy(schedule)]:
        assert again == schedule
        assert hash(again) == hash(schedule)
        assert evaluate(again, N).tolist() == evaluate(schedule, N).tolist()


@few
@given(schedule=schedules, order=st.lists(st.integers(1, 600), min_size=1, max_size=6))
def test_an_optimizer_follows_the_same_rates(schedule: LRScheduler, order: list[int]) -> None:
    rates = Rates()
    assert [rates.ask(schedule, update) for update in order] == [schedule(update) for update in order]


@few
@given(a=schedules, b=schedules, c=schedules)
def test_products_commute_and_associate(a: LRScheduler, b: LRScheduler, c: LRScheduler) -> None:
    for product in (a * b, b * a):  # up to the rounding of three or more factors
        np.testing.assert_allclose(evaluate(product, N), evaluate(a, N) * evaluate(b, N), rtol=1e-14)
    assert a * (b * c) == (a * b) * c


@few
@given(a=schedules, factor=st.floats(0, 3))
def test_numbers_commute(a: LRScheduler, factor: float) -> None:
    assert factor * a == a * factor
    assert evaluate(factor * a, N).tolist() == (factor * evaluate(a, N)).tolist()


@few
@given(parts=st.lists(schedules, min_size=2, max_size=4), data=st.data())
def test_nested_joins_flatten(parts: list[LRScheduler], data: st.DataObject) -> None:
    count = len(parts) - 1
    ends = sorted(data.draw(st.sets(st.integers(1, 60), min_size=count, max_size=count)))
    left = functools.reduce(lambda a, pair: a.join(pair[0], pair[1]), zip(parts[1:], ends, strict=True), parts[0])
    right = parts[-1]
    for one, begin, end in reversed([*zip(parts[:-1], [0, *ends], ends, strict=False)]):
        right = one.join(right, end - begin)
    assert left == join(parts, ends) == right
    for begin, end, one in zip([0, *ends], [*ends, len(N)], parts, strict=True):
        assert left(np.arange(begin + 1, end + 1)).tolist() == evaluate(one, np.arange(1, end - begin + 1)).tolist()


@few
@given(schedule=schedules)
def test_a_join_of_one_is_that_one(schedule: LRScheduler) -> None:
    assert join([schedule], []) is schedule
    assert mx.lr_scheduler.JoinScheduler([schedule], [])(N).tolist() == evaluate(schedule, N).tolist()


@few
@given(schedule=schedules, low=st.floats(0, 0.3), more=st.floats(0, 0.3))
def test_a_clamped_schedule_is_between_its_bounds(schedule: LRScheduler, low: float, more: float) -> None:
    rates = evaluate(schedule.clamp(low, low + more), N)
    assert rates.tolist() == np.clip(evaluate(schedule, N), low, low + more).tolist()


@few
@given(schedule=schedules)
def test_a_base_rate_that_is_assigned_is_in_the_string_and_scales_what_has_no_bounds(schedule: LRScheduler) -> None:
    scaled = copy.deepcopy(schedule) * LEAVES[0]
    scaled.base_lr *= 0.5
    assert make(scaled.dumps()) == scaled
    np.testing.assert_allclose(evaluate(scaled, N), 0.5 * evaluate(schedule * LEAVES[0], N), rtol=1e-14)


# --- equality --------------------------------------------------------------------------------------------------------


def test_schedules_are_equal_if_class_and_attributes_are() -> None:
    one, same = (make("poly", max_update=9, base_lr=0.5) for _ in range(2))
    assert one == same
    same.base_lr = 0.25
    assert one != same
    assert one != make("cosine", max_update=9, base_lr=0.5)
    assert one != "poly"


def test_a_schedule_with_an_array_equals_only_itself() -> None:
    class Listed(LRScheduler):
        def __init__(self, rates: list[float]) -> None:
            super().__init__(base_lr=rates[0])
            self.rates = np.array(rates)

    one = Listed([1.0, 2.0])
    assert one == one
    assert one != Listed([1.0, 2.0])


# --- rates ahead of time ---------------------------------------------------------------------------------------------


def test_pure_schedules_are_computed_ahead_however_deep() -> None:
    calls = []

    @mx.hyperparameters
    class Counting(mx.lr_scheduler.Curve):
        def rate(self, t: Any) -> Any:
            calls.append(t.size)
            return self.base_lr / t

    schedule = (0.5 * Counting(base_lr=1.0)).join(LEAVES[0], at=1000).clamp(high=0.3)
    rates = Rates()
    assert [rates.ask(schedule, update) for update in (1, 2, 4)] == [0.3, 0.25, 0.125]
    assert calls == [256]
    for update in (5, 6):
        rates.ask(schedule * LEAVES[-1], update)  # follows a metric
    assert calls == [256, 1, 1]


def test_a_change_inside_is_noticed() -> None:
    inner, rates = make("cosine", max_update=100, base_lr=0.5), Rates()
    schedule: Any = inner.clamp(low=0.01).warmup(2)
    rates.ask(schedule, 50)
    inner.final_lr = 0.25
    assert rates.ask(schedule, 50) == schedule(50) > 0.25
    equal = make(inner.dumps())
    schedule.after.schedule = equal
    rates.ask(schedule, 50)
    equal.final_lr = 0.3
    assert rates.ask(schedule, 50) == schedule(50) > 0.3


def test_any_number_follows_a_combination() -> None:
    decay = LEAVES[1].warmup(3).clamp(high=0.2)
    update = mx.optimizer.get_updater(mx.optimizer.SGD(learning_rate=0.5, wd=decay, momentum=0.5 * decay))
    weight = np.ones(2)
    for number in range(1, 6):
        used = update.optimizer.settings_of(0)
        assert (used["wd"], used["momentum"]) == (decay(number), 0.5 * decay(number))
        update(0, np.zeros(2), weight)


# --- errors ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "combine"),
    [
        ("product", lambda a: a * a),
        ("scale", lambda a: 2 * a),
        ("clamp", lambda a: a.clamp(0.1)),
        ("repeat", lambda a: a.repeat(9)),
        ("join", lambda a: a.join(a, at=9)),
        ("warmup", lambda a: a.warmup(9)),
    ],
)
def test_an_operator_whose_class_is_missing_says_what_to_install(
    name: str, combine: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MXCORE_BLOCK", f"mxcore-lr-scheduler-{name}")
    catalogue.refresh()
    try:
        with pytest.raises(catalogue.PluginError, match=f"mxcore-lr-scheduler-{name}"):
            combine(LEAVES[0])
    finally:
        monkeypatch.undo()
        catalogue.refresh()


def test_a_schedule_without_a_base_rate_cannot_be_combined() -> None:
    with pytest.raises(ValueError, match="after must be a scheduler with a base_lr, or its name, got PolyScheduler"):
        make("poly", max_update=9, base_lr=None).warmup(3)


def test_parts_are_created_from_names_strings_and_what_dumps_writes() -> None:
    wanted = make("linear", total_steps=9).join(make("cosine", max_update=5), at=4)
    texts = ["linear(total_steps=9)", '["cosine", {"max_update": 5}]']
    assert make("join", texts, [4]) == wanted
    assert make("join(schedulers=[linear(total_steps=9), cosine(max_update=5)], boundaries=[4])") == wanted
    assert make("join", json.loads(wanted.dumps())[1]["schedulers"], [4]) == wanted


# --- saved states ----------------------------------------------------------------------------------------------------


def _start(schedule: LRScheduler, **others: Any) -> Any:
    update = mx.optimizer.get_updater(mx.optimizer.SGD(lr_scheduler=schedule, **others))
    update(0, np.ones(2), np.ones(2))
    return update


def _nested(gamma: float = 0.5, begin_lr: float = 0.0) -> Any:
    inner = make("exponential", gamma=gamma, base_lr=0.3)
    return inner.warmup(4, begin_lr).join(0.5 * make("poly", max_update=9), at=6)


def test_a_state_holds_the_settings_of_every_schedule(tmp_path: Path) -> None:
    saved, other = _nested(0.25, 0.1), _nested()
    mx.save_state(tmp_path / "run", _start(saved))
    parts = [other, *other.parts().values(), other.schedulers[0].after]
    mx.load_state(tmp_path / "run", _start(other))
    assert other == saved
    for one, before in zip([other, *other.parts().values(), other.schedulers[0].after], parts, strict=True):
        assert one is before


def test_an_optimizer_of_another_class_is_made_with_every_schedule() -> None:
    state = _start(_nested(0.25)).get_states(dump_optimizer=True)
    update = mx.optimizer.get_updater(mx.optimizer.Adam())
    with pytest.warns(UserWarning, match="the optimizer, now SGD"):
        update.set_states(state)
    assert update.optimizer.lr_scheduler == _nested(0.25)


@pytest.mark.parametrize(
    ("other", "said"),
    [
        (0.5 * LEAVES[1], "the lr_scheduler: schedule 'linear', but the optimizer has 'exponential'"),
        (LEAVES[2].clamp(0.1), "the lr_scheduler 'scale', but the optimizer has 'clamp'"),
    ],
)
def test_other_schedules_inside_do_not_fit(tmp_path: Path, other: LRScheduler, said: str) -> None:
    mx.save_state(tmp_path / "run", _start(0.5 * LEAVES[2]))
    with pytest.raises(ValueError, match=re.escape(f"it was saved with {said}")):
        mx.load_state(tmp_path / "run", _start(copy.deepcopy(other)))


@pytest.mark.parametrize("where", ["groups", "wd"])
def test_a_schedule_that_is_told_a_metric_resumes_in_groups_and_numbers(tmp_path: Path, where: str) -> None:
    def start() -> tuple[Any, Any]:
        schedule: Any = make("reduceonplateau", base_lr=0.5, patience=0)
        given = {"groups": {"0": {"lr_scheduler": 2 * schedule}}} if where == "groups" else {"wd": schedule.warmup(1)}
        return schedule, _start(LEAVES[0], **given)

    schedule, update = start()
    for metric in (3.0, 3.0, 3.0):
        schedule.observe(metric)
    mx.save_state(tmp_path / "run", update)
    again, resumed = start()
    mx.load_state(tmp_path / "run", resumed)
    assert again == schedule
    assert again.reductions == 2
    again.observe(3.0)
    assert resumed.optimizer.settings_of(0) != update.optimizer.settings_of(0)


def test_a_metric_reaches_every_schedule_inside_once() -> None:
    schedule: Any = make("reduceonplateau", base_lr=0.5, patience=1)
    (schedule * schedule).warmup(3).observe(2.0)
    make("poly", max_update=9).observe(2.0)
    assert (schedule.best, schedule.bad) == (2.0, 0)
