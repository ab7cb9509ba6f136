"""The conformance kit, applied to whatever is installed."""

import inspect

import pytest

import mxcore as mx
from mxcore.testing import parametrize_with_checks
from mxcore.testing.command import everything


@parametrize_with_checks(*everything())
def test_conformance(check) -> None:  # type: ignore[no-untyped-def]
    check()


@pytest.mark.parametrize("record", mx.catalogue.records("optimizer"), ids=lambda record: record.name)
def test_an_optimizer_of_ours_also_says_what_it_keeps_refuses_and_changed(record: mx.catalogue.Record) -> None:
    doc = inspect.getdoc(mx.catalogue.load_record(record)) or ""
    assert [part for part in ("State: ", "Raises:", "Differs from MXNet 1.9.1: ") if part not in doc] == []
