"""What holds for every installed schedule, whichever they are: each gives the examples that it is tried with."""

import pickle
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

import mxcore as mx
from mxcore.lr_scheduler import LRScheduler

RECORDS = mx.catalogue.records("lr_scheduler")
CLASSES = {record.target: mx.catalogue.load_record(record) for record in RECORDS}
UPDATES = np.arange(301)

every_example = pytest.mark.parametrize(
    ("cls", "example"),
    [
        pytest.param(cls, example, id=f"{cls.__name__}-{number}")
        for cls in CLASSES.values()
        for number, example in enumerate(cls.examples)
    ],
)


def made(cls: type[LRScheduler], example: Mapping[str, Any], **settings: Any) -> LRScheduler:
    return cls(**{**example, **settings})


def warming_up(cls: type[LRScheduler], example: Mapping[str, Any], mode: str) -> LRScheduler:
    return made(cls, example, base_lr=0.5, warmup_steps=8, warmup_begin_lr=0.1, warmup_mode=mode)


def test_some_schedules_are_installed() -> None:
    assert len(CLASSES) >= 4


@every_example
def test_the_order_and_number_of_calls_change_nothing(cls: type[LRScheduler], example: Mapping[str, Any]) -> None:
    schedule = warming_up(cls, example, "linear")
    before = dict(vars(schedule))
    forwards = [schedule(update) for update in UPDATES.tolist()]
    shuffled = np.random.default_rng(0).permutation(UPDATES)
    assert {update: schedule(update) for update in shuffled.tolist()} == dict(enumerate(forwards))
    assert [warming_up(cls, example, "linear")(update) for update in (250, 0)] == [forwards[250], forwards[0]]
    assert vars(schedule) == before


@every_example
def test_an_array_has_the_bits_of_its_scalars(cls: type[LRScheduler], example: Mapping[str, Any]) -> None:
    schedule = warming_up(cls, example, "linear")
    rates = schedule(UPDATES.reshape(7, 43))
    assert isinstance(rates, np.ndarray)
    assert rates.dtype == np.float64
    assert rates.tolist() == np.reshape([schedule(update) for update in UPDATES.tolist()], (7, 43)).tolist()
    assert schedule(UPDATES[:0]).shape == (0,)
    assert all(type(schedule(update)) is float for update in (3, np.int64(30), np.array(30)))


@every_example
def test_a_linear_warm_up_is_a_straight_line(cls: type[LRScheduler], example: Mapping[str, Any]) -> None:
    rates = warming_up(cls, example, "linear")(np.arange(8))
    np.testing.assert_allclose(rates, 0.1 + (0.5 - 0.1) * np.arange(8) / 8, rtol=1e-15)


@every_example
def test_a_constant_warm_up_stays_where_it_begins(cls: type[LRScheduler], example: Mapping[str, Any]) -> None:
    assert warming_up(cls, example, "constant")(np.arange(8)).tolist() == [0.1] * 8


@every_example
def test_rates_stay_between_zero_and_the_base_rate(cls: type[LRScheduler], example: Mapping[str, Any]) -> None:
    for schedule in (made(cls, example, base_lr=0.5), warming_up(cls, example, "linear")):
        rates = schedule(UPDATES)
        assert np.isfinite(rates).all()
        assert rates.min() >= 0
        assert rates.max() <= 0.5


@every_example
def test_the_final_rate_is_held(cls: type[LRScheduler], example: Mapping[str, Any]) -> None:
    rates = made(cls, example, base_lr=0.5)(np.array([10**6, 10**6 + 1, 10**9, 2**53]))
    assert len(set(rates.tolist())) == 1


@every_example
def test_a_base_rate_that_is_assigned_is_the_one_in_use(cls: type[LRScheduler], example: Mapping[str, Any]) -> None:
    for warmup_steps in (0, 8):
        schedule = made(cls, example, base_lr=0.5, warmup_steps=warmup_steps)
        schedule(200)
        schedule.base_lr = 0.25
        expected = made(cls, example, base_lr=0.25, warmup_steps=warmup_steps)
        assert schedule(UPDATES).tolist() == expected(UPDATES).tolist()


@every_example
def test_rates_grow_with_the_base_rate_and_never_faster(cls: type[LRScheduler], example: Mapping[str, Any]) -> None:
    rates, doubled = (made(cls, example, base_lr=base_lr)(UPDATES) for base_lr in (0.25, 0.5))
    assert (rates <= doubled).all()
    assert (doubled <= 2 * rates).all()
    assert doubled[0] == 2 * rates[0]


@every_example
def test_text_and_pickles_make_an_equal_schedule(cls: type[LRScheduler], example: Mapping[str, Any]) -> None:
    schedule = warming_up(cls, example, "constant")
    for again in (mx.lr_scheduler.create(schedule.dumps()), pickle.loads(pickle.dumps(schedule))):
        assert type(again) is cls
        assert repr(again) == repr(schedule)
        assert again(UPDATES).tolist() == schedule(UPDATES).tolist()


@every_example
@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"warmup_steps": -1}, "warmup_steps must be an integer of at least 0, got -1"),
        ({"warmup_steps": 2.5}, "warmup_steps must be an integer of at least 0, got 2.5"),
        ({"base_lr": 0.1, "warmup_begin_lr": 0.2}, r"warmup_begin_lr must be at most base_lr=0\.1, got 0\.2"),
        ({"warmup_mode": "cubic"}, "warmup_mode must be one of 'linear', 'constant', got 'cubic'"),
        ({"base_lr": float("nan")}, "base_lr must be .*number, got nan"),
    ],
)
def test_what_makes_no_sense_is_refused(
    cls: type[LRScheduler], example: Mapping[str, Any], settings: Mapping[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        made(cls, example, **settings)


def test_a_constructor_of_its_own_has_no_text_that_would_be_true() -> None:
    class Mine(LRScheduler):
        def __init__(self, period: int) -> None:
            super().__init__(base_lr=0.1)
            self.period = period

    with pytest.raises(TypeError, match="Mine has a constructor of its own: give it a dumps"):
        Mine(3).dumps()
