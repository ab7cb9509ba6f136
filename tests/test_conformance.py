"""The conformance kit, applied to everything installed."""

import inspect
import re

import pytest

import mxcore as mx
from mxcore.testing import Case, cases
from mxcore.testing.command import everything
from mxcore.testing.subject import own_fields, required

# What takes a second or more: one case in so many runs by day.
SLOW = {
    "memory_is_bounded": 12,
    "processes_agree": 4,
    "resuming_works_in_a_new_process": 4,
    "dtypes_are_kept": 4,
    "gradients_are_left_alone": 4,
    "half_precision_follows_its_master": 2,
    "layouts_make_no_difference": 2,
}
CASES = [case for target in everything() for case in cases(target) if not case.check.needs()]


def _marks(case: Case) -> list[pytest.MarkDecorator]:
    return [pytest.mark.sampled(SLOW[case.check.name])] if case.check.name in SLOW else []


@pytest.mark.parametrize("check", [pytest.param(case, id=case.label, marks=_marks(case)) for case in CASES])
def test_conformance(check: Case) -> None:
    check()


def test_what_is_slow_is_a_check() -> None:
    assert {case.check.name for case in CASES} >= {*SLOW}


every_optimizer = pytest.mark.parametrize("record", mx.catalogue.records("optimizer"), ids=lambda record: record.name)
PARTS = {"optimizer": ["State: "], "initializer": ["Arrays "], "lr_scheduler": []}


@pytest.mark.parametrize("record", mx.catalogue.algorithms(), ids=lambda record: f"{record.kind}-{record.name}")
def test_a_class_of_ours_also_says_what_it_takes_keeps_and_changed(record: mx.catalogue.Record) -> None:
    doc = inspect.getdoc(mx.catalogue.load_record(record)) or ""
    assert [part for part in (*PARTS[record.kind], "Differs from MXNet 1.9.1: ") if part not in doc] == []
    # It goes without saying that values out of range are refused; the declaration has the range.
    assert not re.search("hyper-parameter is out of (its )?range", doc)


LOSSES = {"lower_bound", "loss"}  # which may be below 0


@every_optimizer
def test_every_number_that_an_optimizer_of_ours_takes_has_bounds(record: mx.catalogue.Record) -> None:
    cls = mx.catalogue.load_record(record)
    for field in own_fields(cls):
        if isinstance(field.default, (bool, str, tuple)) or field.alias in {*required(cls), *LOSSES}:
            continue
        share = field.default is not None and 0.5 <= field.default < 1
        is_negative = field.default is not None and field.default < 0
        for bad in (-1, 1.5) if share else (1,) if is_negative else (-1,):
            with pytest.raises(ValueError, match=rf"{field.alias} must be .*, got {bad}"):
                cls(**{**required(cls), field.alias: bad})
