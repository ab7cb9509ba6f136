"""Whole programs, whose numbers MXNet 1.9.1 gave; see ``scenarios.py``."""

import importlib.util
import json
from pathlib import Path

import numpy as np
import pytest

import mxcore as mx

HERE = Path(__file__).parent
SPEC = importlib.util.spec_from_file_location("scenarios", HERE / "scenarios.py")
scenarios = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(scenarios)
GOLDEN = json.loads((HERE / "golden/scenarios.json").read_text("utf-8"))


def compared(name, ours, theirs):
    if isinstance(theirs, dict):
        assert set(ours) == set(theirs), name
        for key in theirs:
            compared(f"{name} {key}", ours[key], theirs[key])
    elif isinstance(theirs, str) or theirs is None:
        assert ours == theirs, name
    elif isinstance(theirs, list) and any(isinstance(one, (list, dict, str)) for one in theirs):
        assert len(ours) == len(theirs), name
        for number, (one, other) in enumerate(zip(ours, theirs, strict=True)):
            compared(f"{name} {number}", one, other)
    else:
        np.testing.assert_allclose(ours, theirs, rtol=2e-4, atol=2e-5, err_msg=name)


@pytest.mark.parametrize("name", scenarios.SCENARIOS)
def test_a_program_gives_mxnets_numbers(name):
    assert GOLDEN.keys() == scenarios.SCENARIOS.keys()
    compared(name, scenarios.SCENARIOS[name](mx), GOLDEN[name])
