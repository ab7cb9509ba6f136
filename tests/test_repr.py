"""`repr` shows the call that creates an equal object."""

import logging
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from authors import Delegating, Demanding

import mxcore as mx
from mxcore import catalogue

KINDS = ("optimizer", "initializer", "lr_scheduler")
CLASSES = {cls.__name__: cls for kind in KINDS for cls in map(catalogue.load_record, catalogue.records(kind))}
EXAMPLES = [
    (cls, given) for cls in CLASSES.values() for given in cls.examples if not any(map(callable, given.values()))
]


def again(made: Any, **scope: Any) -> Any:
    """Return what a repr evaluates to, with the classes in scope and nothing else."""
    return eval(repr(made), {**CLASSES, **scope})


@pytest.mark.parametrize(("cls", "example"), EXAMPLES, ids=[f"{cls.__name__}{example}" for cls, example in EXAMPLES])
def test_a_repr_can_be_evaluated(cls: Any, example: dict[str, Any]) -> None:
    made = cls(**example)
    copy = again(made)
    assert type(copy) is cls
    assert repr(copy) == repr(made)
    assert {**vars(copy)}.keys() == {**vars(made)}.keys()
    if hasattr(made, "dumps"):
        assert copy.dumps() == made.dumps()


def steps(optimizer: Any) -> list[float]:
    weight = np.ones(3)
    update = mx.optimizer.get_updater(optimizer)
    for gradient in (0.5, -2.0, 0.25):
        update(0, np.full(3, gradient), weight)
    return weight.tolist()


@pytest.mark.parametrize(
    "make",
    [
        lambda: mx.optimizer.Adam(0.1, beta1=0.5, wd=0.1, clip_gradient=1.0),
        lambda: mx.optimizer.SGD(momentum=0.5, rescale_grad=1 / 3, learning_rate=np.float32(0.1), begin_num_update=3),
        lambda: mx.optimizer.Adam(lr_scheduler=mx.lr_scheduler.PolyScheduler(10, base_lr=0.3)),
        lambda: mx.optimizer.Adam(learning_rate=0.2, lr_scheduler=mx.lr_scheduler.CosineScheduler(10, base_lr=0.3)),
        lambda: mx.optimizer.RMSProp(centered=True, lr_scheduler=mx.lr_scheduler.MultiFactorScheduler([1, 3], 0.5)),
        lambda: assigned(mx.optimizer.SGD(learning_rate=0.2, lr_scheduler=mx.lr_scheduler.FactorScheduler(2, 0.5))),
        lambda: assigned(mx.optimizer.SGD()),
    ],
)
def test_an_optimizer_made_again_takes_the_same_steps(
    make: Callable[[], Any], caplog: pytest.LogCaptureFixture
) -> None:
    optimizer = make()
    caplog.set_level(logging.INFO)
    copy = again(optimizer)
    assert not caplog.records, "no rate overrides another one"
    assert repr(copy) == repr(optimizer)
    assert steps(copy) == steps(optimizer)


def assigned(optimizer: Any) -> Any:
    optimizer.learning_rate = 0.05
    optimizer.wd = 0.25
    return optimizer


def test_a_scheduler_of_an_optimizer_is_shown_as_its_call() -> None:
    shown = repr(mx.optimizer.Adam(learning_rate=0.2, lr_scheduler=mx.lr_scheduler.CosineScheduler(10)))
    assert "learning_rate=None, " not in shown.partition("lr_scheduler=")[2]
    assert "lr_scheduler=CosineScheduler(max_update=10, base_lr=0.2, " in shown


def test_what_belongs_to_a_model_is_not_shown() -> None:
    shown = repr(mx.optimizer.SGD(param_idx2name={0: "fc_weight"}, param_dict={}))
    assert "fc_weight" not in shown
    assert "param_dict" not in shown


@pytest.mark.parametrize("value", [math.inf, -math.inf, [1.0, math.nan], [[math.inf], [2]], np.float32(0.1), 3])
def test_numbers_that_are_not_finite_can_be_evaluated(value: Any) -> None:
    made = mx.init.Constant(value)
    assert repr(again(made)) == repr(made)
    np.testing.assert_array_equal(again(made).value, made.value)


@pytest.mark.parametrize(
    "array", [np.eye(2), np.arange(3), np.array(0.1), np.ones((3, 1), np.float32) / 3, [np.ones(2)]]
)
def test_arrays_are_written_out(array: Any) -> None:
    made = mx.init.Constant(array)
    np.testing.assert_array_equal(again(made).value, array)
    assert repr(again(made)) == repr(made)
    weights = {"fc_weight": np.ones((2, 3)) / 3, "fc_bias": np.array([math.nan, 1.0])}
    loaded = again(mx.init.Load(weights))
    for name, saved in weights.items():
        filled = np.empty(saved.shape)
        loaded(name, filled)
        np.testing.assert_array_equal(filled, saved)


def test_large_arrays_are_abbreviated() -> None:
    assert repr(mx.init.Constant(np.ones((20, 100)))) == "Constant(value=<float64 array of shape (20, 100)>)"
    assert len(repr(mx.init.Load({"fc_weight": np.ones((1000, 1000))}))) < 200


def test_a_file_is_shown_by_its_path(tmp_path: Path) -> None:
    np.savez(tmp_path / "saved.npz", fc_weight=np.ones(2))
    made = mx.init.Load(str(tmp_path / "saved.npz"))
    assert f"param={str(tmp_path / 'saved.npz')!r}" in repr(made)
    assert again(made) == made


# --- classes of authors ----------------------------------------------------------------------------------------------


class Keeping(mx.init.Initializer):
    def __init__(self, height: float) -> None:
        super().__init__(height=height)


class Plain(mx.init.Uniform):
    """A subclass that adds nothing."""


@pytest.mark.parametrize("made", [Delegating(3, momentum=0.5), Demanding(3), Keeping(math.inf), Plain(0.5)])
def test_a_class_with_a_constructor_of_its_own_is_shown_as_far_as_its_arguments_are_known(made: Any) -> None:
    copy = again(made, **{type(made).__name__: type(made)})
    assert repr(copy) == repr(made)
    assert getattr(copy, "height", None) == getattr(made, "height", None)
    assert vars(copy).get("momentum") == vars(made).get("momentum")


def test_a_wrapper_that_calls_no_constructor_has_a_repr() -> None:
    class Wrapper(mx.optimizer.Optimizer):
        def __init__(self, optimizer: Any) -> None:
            self.optimizer = optimizer

        def __getattr__(self, name: str) -> Any:
            return getattr(self.optimizer, name)

    assert repr(Wrapper(mx.optimizer.SGD(momentum=0.5))).startswith("Wrapper(optimizer=SGD(momentum=0.5, ")
