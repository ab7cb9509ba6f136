"""Weights in nested containers, as models hold them: updated, evaluated, and refused where they do not fit."""

from typing import Any

import numpy as np
import pytest

import mxcore as mx
from mxcore.nested import by_path


def model() -> dict[str, Any]:
    return {"fc": {"weight": np.ones((2, 2)), "bias": np.ones(2)}, "scales": [np.ones(1), (np.ones(3),)]}


def ones(tree: Any) -> Any:
    if isinstance(tree, dict):
        return {key: ones(branch) for key, branch in tree.items()}
    return type(tree)(map(ones, tree)) if isinstance(tree, (list, tuple)) else np.ones_like(tree)


def test_parameters_are_named_by_their_paths() -> None:
    update, weights = mx.optimizer.get_updater(mx.optimizer.SGD(learning_rate=0.25, wd=0.5, momentum=0.9)), model()
    update.update(ones(weights), weights)
    assert list(update.states) == ["fc.weight", "fc.bias", "scales.0", "scales.1.0"]
    assert {path: float(weight.ravel()[0]) for path, weight in by_path(weights).items()} == {
        "fc.weight": 0.625,
        "fc.bias": 0.75,  # biases do not decay
        "scales.0": 0.625,
        "scales.1.0": 0.625,
    }


def test_it_is_the_same_as_a_call_with_lists() -> None:
    found = []
    for nested in (True, False):
        update, weights = mx.optimizer.get_updater(mx.optimizer.Adam(learning_rate=0.1)), model()
        paths = by_path(weights)
        for _ in range(3):
            if nested:
                update.update(ones(weights), weights)
            else:
                update(paths.keys(), by_path(ones(weights)).values(), paths.values())
        found.append([weight.tolist() for weight in paths.values()])
    assert found[0] == found[1]


def test_lists_and_flat_dicts_keep_their_keys() -> None:
    update = mx.optimizer.get_updater(mx.optimizer.SGD(learning_rate=1.0))
    weights = [np.ones(1), np.ones(2)]
    update.update([np.ones(1), None], weights)
    update.update({7: np.ones(1)}, {7: weights[1][:1]})
    update.update([None], [weights[0]])
    assert list(update.states) == [0, 7]
    assert [weight.tolist() for weight in weights] == [[0], [0, 1]]


def test_evaluation_takes_them_too() -> None:
    update, weights = mx.optimizer.get_updater(mx.optimizer.Average("sgd", beta=0.5, learning_rate=1.0)), model()
    for _ in range(2):
        update.update(ones(weights), weights)
    with update.evaluating(weights):
        assert {float(weight.ravel()[0]) for weight in by_path(weights).values()} == {-0.5}
    assert {float(weight.ravel()[0]) for weight in by_path(weights).values()} == {-1.0}
    assert update.evaluation_weights(weights)["fc.bias"].tolist() == [-0.5, -0.5]


@pytest.mark.parametrize(
    ("grads", "message"),
    [
        ({"fc": {"weight": np.ones((2, 2))}, "scales": [None, (None,)]}, r"no gradient has the path 'fc\.bias': pass"),
        ({**model(), "more": np.ones(1)}, "no weight has the path 'more', which a gradient has"),
        ({**model(), "fc.bias": np.ones(2)}, r"two arrays have the path 'fc\.bias': rename a key"),
        ({**model(), "fc": np.ones(1)}, r"no gradient has the path 'fc\.weight'"),
        ({**model(), "scales": [np.ones(2), (np.ones(3),)]}, r"'scales\.0'.* has shape \(2,\)"),
    ],
)
def test_what_does_not_fit_is_refused_and_nothing_changes(grads: Any, message: str) -> None:
    update, weights = mx.optimizer.get_updater(mx.optimizer.SGD(learning_rate=1.0)), model()
    with pytest.raises(ValueError, match=message):
        update.update(grads, weights)
    assert not update.states
    assert all((weight == 1).all() for weight in by_path(weights).values())
