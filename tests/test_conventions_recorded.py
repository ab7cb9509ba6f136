"""What classes declare under ``conventions``, against recorded runs of their namesakes in torch, optax and Keras."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import mxcore as mx

FOLDER = Path(__file__).parent / "golden/composed"
RECORD = json.loads((FOLDER / "conventions.json").read_text("utf-8"))
CASES = {(case["name"], case["host"]): case for case in RECORD["cases"]}
CLASSES = {record.name: mx.catalogue.load_record(record) for record in mx.catalogue.records("optimizer")}
DECLARED = {(name, host) for name, cls in CLASSES.items() for host in cls.conventions}


def deviation(case: dict[str, Any], arguments: dict[str, Any]) -> float:
    """Return how far the run of ours ends up from the recorded one."""
    optimizer = mx.optimizer.create(case["name"], learning_rate=RECORD["rate"], **case["arguments"], **arguments)
    update = mx.optimizer.get_updater(optimizer)
    with np.load(FOLDER / "conventions.npz") as arrays:
        weights = [arrays[f"w0/{k}"].copy() for k in range(2)]
        grads = [arrays[f"g/{k}"] for k in range(2)]
        wanted = [arrays[f"{case['host']}_{case['name']}/{k}"] for k in range(2)]
    furthest = 0.0
    for step in range(len(grads[0])):
        optimizer.set_learning_rate(RECORD["rate"] * 0.9**step)
        update(["a_weight", "b_weight"], [grad[step] for grad in grads], weights)
        for weight, run in zip(weights, wanted, strict=True):
            furthest = max(furthest, abs(weight - run[step]).max())
    return float(furthest)


def test_every_recorded_namesake_is_declared() -> None:
    assert {key for key in CASES if key[0] in CLASSES} == DECLARED & set(CASES)


@pytest.mark.parametrize(("name", "host"), sorted(DECLARED & set(CASES)))
def test_a_convention_makes_it_the_namesake_or_says_why_it_cannot(name: str, host: str) -> None:
    convention, case = CLASSES[name].conventions[host], CASES[name, host]
    if isinstance(convention, str):
        assert deviation(case, {}) > 1e-5
    else:
        assert deviation(case, dict(convention)) < 1e-6
