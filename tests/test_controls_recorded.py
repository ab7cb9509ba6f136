"""What stands around a step follows recorded runs of torch and optax: clipping, accumulation, skipping, loss scales."""

import functools
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import mxcore as mx

FOLDER = Path(__file__).parent / "golden/composed"
CASES = json.loads((FOLDER / "controls.json").read_text(encoding="utf-8"))["cases"]


@functools.cache
def file() -> dict[str, Any]:
    with np.load(FOLDER / "controls.npz") as arrays:
        return dict(arrays)


@pytest.mark.parametrize("nested", [False, True], ids=["list", "containers"])
@pytest.mark.parametrize("case", [pytest.param(case, id=case["id"]) for case in CASES])
def test_weights_counts_and_scales_follow_the_record(case: dict[str, Any], nested: bool) -> None:
    arguments = dict(case["kwargs"])
    if "loss_scale" in arguments:
        initial, *others = arguments["loss_scale"].items()
        arguments["loss_scale"] = mx.DynamicLossScale(initial[1], **dict(others))
    optimizer = mx.optimizer.create(case["name"], **arguments)
    update = mx.optimizer.get_updater(optimizer)
    weights = [file()[f"{case['id']}/w0/{k}"].copy() for k in range(3)]
    for call, updates in enumerate(case["updates"]):
        recorded = [file()[f"{case['id']}/g/{k}"][call] for k in range(3)]
        grads = [grad.copy() for grad in recorded]
        if nested:
            update.update({"layers": grads}, {"layers": weights})
        else:
            update([0, 1, 2], grads, weights)
        for k, weight in enumerate(weights):
            wanted = file()[f"{case['id']}/w/{k}"][call]
            np.testing.assert_allclose(weight, wanted, rtol=case["rtol"], atol=case["atol"], err_msg=f"call {call}")
            np.testing.assert_array_equal(grads[k], recorded[k])
        assert optimizer.num_update == updates, f"call {call}"
        if "scales" in case:
            assert float(optimizer.loss_scale) == case["scales"][call], f"call {call}"


def test_the_records_tell_right_from_wrong() -> None:
    """Each kind has calls in which its control acts, and calls in which it does not."""
    kinds = {case["kind"]: 0 for case in CASES}
    for case in CASES:
        grads = [file()[f"{case['id']}/g/{k}"].astype(np.float64) for k in range(3)]
        norms = np.sqrt(sum((grad**2).reshape(len(grad), -1).sum(1) for grad in grads))
        if case["kind"] == "clip":
            acts = norms > case["kwargs"]["clip_global_norm"]
        elif case["kind"] in ("skip", "loss-scale"):
            acts = ~np.isfinite(norms)
            assert case["updates"] == np.cumsum(~acts).tolist()
        else:
            continue
        kinds[case["kind"]] += int(0 < acts.sum() < len(acts))
        if "scales" in case:
            former = [case["kwargs"]["loss_scale"]["initial"], *case["scales"][:-1]]
            changes = [(now > before, now < before) for now, before in zip(case["scales"], former, strict=True)]
            assert [fell for _, fell in changes] == acts.tolist()
            assert any(rose for rose, _ in changes)
    assert kinds == {"clip": 4, "accumulate": 0, "skip": 4, "loss-scale": 16, "lookahead": 0}
