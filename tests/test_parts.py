"""Saved states: what an optimizer holds besides numbers, parts of a state, several updaters, and older versions."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

import mxcore as mx

Array = npt.NDArray[Any]
NAMES = ["fc_weight", "fc_bias", "head_weight"]
RNG = np.random.default_rng(0)
GRADS = [[RNG.normal(size=3) for _ in NAMES] for _ in range(12)]


def run(update: Any, weights: list[Array], begin: int, end: int) -> list[list[float]]:
    for grads in GRADS[begin:end]:
        update(NAMES, grads, weights)
    return [weight.tolist() for weight in weights]


def ones() -> list[Array]:
    return [np.ones(3) for _ in NAMES]


def rich(**others: Any) -> Any:
    """Return an updater whose optimizer has groups, schedules, an average and a loss scale."""
    cosine = mx.lr_scheduler.create("cosine", max_update=10, base_lr=0.1)
    factor = mx.lr_scheduler.create("factor", step=2, factor=0.5, base_lr=0.3)
    groups = {".*bias": {"wd": 0.3, "lr_scheduler": factor, "beta1": 0.5}, "head_": {"wd": cosine}}
    scale = mx.DynamicLossScale(8.0, growth_interval=2)
    settings = {"wd": cosine, "epsilon": lambda update: 1e-8 * update, "groups": groups, "loss_scale": scale, **others}
    return mx.optimizer.get_updater(mx.optimizer.create("average(adam)", learning_rate=0.1, **settings))


@pytest.mark.parametrize("accumulate", [1, 3])
def test_groups_schedules_and_scales_resume_to_the_bit(tmp_path: Path, accumulate: int) -> None:
    wanted = run(rich(accumulate=accumulate), ones(), 0, 12)
    first, weights = rich(accumulate=accumulate), ones()
    run(first, weights, 0, 7)
    mx.save_state(tmp_path / "run", first)
    resumed = rich(accumulate=accumulate)
    mx.load_state(tmp_path / "run", resumed)
    assert run(resumed, weights, 7, 12) == wanted


def test_the_groups_of_the_file_are_taken_and_the_change_is_said(tmp_path: Path) -> None:
    made = mx.optimizer.create("adam", groups={"head_": {"wd": 0.5, "learning_rate": 0.3}})
    mx.save_state(tmp_path / "run", mx.optimizer.get_updater(made))
    other = mx.optimizer.get_updater(mx.optimizer.create("adam", groups={"fc_": {"frozen": True}}))
    with pytest.warns(UserWarning, match=re.escape("groups = {'head_': {'wd': 0.5, 'lr': 0.3}} (not {'fc_': {'fro")):
        mx.load_state(tmp_path / "run", other)
    assert other.optimizer.settings_of("head_weight")["wd"] == 0.5
    weights = ones()
    run(other, weights, 0, 1)
    assert weights[0].tolist() != [1, 1, 1]  # nothing is frozen


@pytest.mark.parametrize(
    ("saved", "here", "message"),
    [
        ({"wd": lambda update: 0.1}, {}, "wd followed '.*function' when it was saved, but is a number here: pass"),
        ({}, {"wd": lambda update: 0.1}, "wd was a number when it was saved, but is <function"),
        (
            {"groups": {"a": {"wd": mx.lr_scheduler.create("cosine", max_update=5)}}},
            {"groups": {"a": {"wd": 0.1}}},
            re.escape("groups['a']: wd followed 'cosine' when it was saved, but is a number here: pass 'cosine' again"),
        ),
        (
            {"wd": mx.lr_scheduler.create("cosine", max_update=5)},
            {"wd": mx.lr_scheduler.create("factor", step=5)},
            "it was saved with the wd 'cosine', but the optimizer has 'factor'",
        ),
        ({"loss_scale": mx.DynamicLossScale()}, {}, "loss_scale followed 'dynamiclossscale' when it was saved"),
    ],
)
def test_what_a_file_cannot_make_has_to_be_given_again(saved: Any, here: Any, message: str) -> None:
    state = mx.optimizer.get_updater(mx.optimizer.create("adam", **saved)).get_states()
    update = mx.optimizer.get_updater(mx.optimizer.create("adam", **here))
    before = update.get_states()
    with pytest.raises(ValueError, match=message):
        update.set_states(state)
    assert update.get_states() == before


def test_a_schedule_keeps_its_identity_and_takes_the_numbers_of_the_file() -> None:
    def made(length: int) -> tuple[Any, Any]:
        schedule = mx.lr_scheduler.create("cosine", max_update=length, base_lr=0.1)
        return schedule, mx.optimizer.get_updater(mx.optimizer.create("adam", wd=schedule))

    (_, update), (schedule, other) = made(10), made(20)
    other.set_states(update.get_states())
    assert other.optimizer.wd is schedule
    assert schedule.max_update == 10


# --- parts of a state ------------------------------------------------------------------------------------------------


def test_moments_can_be_taken_without_settings(tmp_path: Path) -> None:
    def made(**settings: Any) -> Any:
        return mx.optimizer.get_updater(mx.optimizer.create("adam", **settings))

    first, weights = made(learning_rate=0.1, wd=0.3), ones()
    run(first, weights, 0, 4)
    mx.save_state(tmp_path / "run", first)
    schedule = mx.lr_scheduler.create("poly", max_update=20, base_lr=0.5)
    resumed = made(lr_scheduler=schedule, beta1=0.8, groups={"fc_": {"wd": 0.1}})
    others = [weight.copy() for weight in weights]
    mx.load_state(tmp_path / "run", resumed, settings=False)
    assert (resumed.optimizer.beta1, resumed.optimizer.wd, schedule.base_lr) == (0.8, 0, 0.5)
    first.optimizer.lr_scheduler, first.optimizer.beta1, first.optimizer.wd = schedule, 0.8, 0
    first.optimizer.groups = {"fc_": {"wd": 0.1}}
    assert run(resumed, others, 4, 8) == run(first, weights, 4, 8)


def test_without_settings_the_class_must_still_be_the_same(tmp_path: Path) -> None:
    mx.save_state(tmp_path / "run", mx.optimizer.get_updater(mx.optimizer.create("adam")))
    with pytest.raises(ValueError, match="it was saved by the optimizer 'adam'"):
        mx.load_state(tmp_path / "run", mx.optimizer.get_updater(mx.optimizer.create("sgd")), settings=False)


def test_what_does_not_fit_is_left_out_and_listed_if_asked(tmp_path: Path) -> None:
    first, weights = mx.optimizer.get_updater(mx.optimizer.create("adam", learning_rate=0.1)), ones()
    run(first, weights, 0, 3)
    params = {**dict(zip(NAMES, weights, strict=True)), "old": np.ones(2)}
    mx.save_state(tmp_path / "run", first, params)
    names = {0: "fc_weight", 1: "fc_bias", 2: "new_head"}

    def made() -> Any:
        return mx.optimizer.get_updater(mx.optimizer.create("adam", learning_rate=0.1, param_idx2name=names))

    second, others = made(), [np.zeros(3), np.zeros(4), np.zeros(2)]
    mx.save_state(tmp_path / "named", first, params)
    for index in (0, 1):
        second(index, np.ones_like(others[index]), others[index])
    before = second.get_states()
    targets = {"fc_weight": others[0], "fc_bias": others[1], "new_head": others[2]}
    with pytest.raises(ValueError, match="does not fit this updater"):
        mx.load_state(tmp_path / "named", second, targets)
    assert second.get_states() == before
    with pytest.warns(UserWarning, match="left out:") as found:
        mx.load_state(tmp_path / "named", second, targets, strict=False)
    said = next(str(one.message) for one in found if "left out" in str(one.message))
    assert "params 'fc_bias' are float64[4], in the file float64[3]" in said
    assert "it has no params 'new_head'" in said
    assert others[0].tolist() == weights[0].tolist()
    assert others[2].tolist() == [0, 0]


def test_parameters_that_are_left_out_start_anew(tmp_path: Path) -> None:
    def made(names: dict[int, str]) -> Any:
        return mx.optimizer.get_updater(mx.optimizer.create("adam", learning_rate=0.1, param_idx2name=names))

    first, weights = made({0: "a_weight", 1: "b_weight"}), [np.ones(3), np.ones(3)]
    for grads in GRADS[:3]:
        first([0, 1], grads[:2], weights)
    second, others = made({0: "b_weight", 1: "c_weight"}), [weights[1].copy(), np.ones(3)]
    with pytest.raises(ValueError, match="it has the parameter 'a_weight', which the updater does not have"):
        second.set_states(first.get_states())
    mx.save_state(tmp_path / "run", first)
    with pytest.warns(UserWarning, match="'a_weight', which the updater does not have"):
        mx.load_state(tmp_path / "run", second, strict=False)
    assert dict(second.optimizer._index_update_count) == {0: 3}
    second([0, 1], [GRADS[3][1], GRADS[3][0]], others)
    first(1, GRADS[3][1], weights[1])
    assert others[0].tolist() == weights[1].tolist()
    assert second.optimizer._index_update_count[1] == 1


# --- several updaters ------------------------------------------------------------------------------------------------


def test_several_updaters_share_a_file(tmp_path: Path) -> None:
    def made() -> dict[str, Any]:
        return {
            "critic": mx.optimizer.get_updater(mx.optimizer.create("adam", learning_rate=0.1)),
            "actor": mx.optimizer.get_updater(mx.optimizer.create("sgd", learning_rate=0.1, momentum=0.9)),
        }

    first, one, two = made(), ones(), ones()
    run(first["critic"], one, 0, 3)
    run(first["actor"], two, 0, 2)
    mx.save_state(tmp_path / "run", first, {"critic": one[0], "actor": two[0]})
    second = made()
    saved = mx.load_state(tmp_path / "run", second)
    assert saved["actor"].tolist() == two[0].tolist()
    others = [weight.copy() for weight in one]
    assert run(second["critic"], others, 3, 6) == run(first["critic"], one, 3, 6)
    assert second["actor"].optimizer.num_update == 2
    with pytest.raises(ValueError, match=re.escape("the state of several updaters, ['critic', 'actor'], but one")):
        mx.load_state(tmp_path / "run", made()["critic"])
    with pytest.raises(ValueError, match=re.escape("but those of ['actor'] is to be loaded: pass a dict")):
        mx.load_state(tmp_path / "run", {"actor": made()["actor"]})
    mx.save_state(tmp_path / "one", first["critic"])
    with pytest.raises(ValueError, match="the state of one updater, but those of"):
        mx.load_state(tmp_path / "one", made())


def test_if_one_of_several_does_not_fit_none_changes(tmp_path: Path) -> None:
    def made(kind: str) -> dict[str, Any]:
        return {name: mx.optimizer.get_updater(mx.optimizer.create(one)) for name, one in (("a", "adam"), ("b", kind))}

    first = made("sgd")
    run(first["a"], ones(), 0, 3)
    mx.save_state(tmp_path / "run", first)
    second = made("nag")
    with pytest.raises(ValueError, match="it was saved by the optimizer 'sgd'"):
        mx.load_state(tmp_path / "run", second)
    assert second["a"].optimizer.num_update == 0


# --- versions --------------------------------------------------------------------------------------------------------


def versions() -> tuple[Any, Any]:
    """Return an optimizer as an older and as a newer version of a plugin define it, under the same name."""

    @mx.hyperparameters
    class First(mx.optimizer.Optimizer):
        slots = ("momentum",)

        @staticmethod
        def rule(weight: Any, grad: Any, momentum: Any, *, lr: Any) -> Any:
            momentum = 0.9 * momentum - lr * grad
            return weight + momentum, momentum

    @mx.hyperparameters
    class Second(mx.optimizer.Optimizer):
        slots = (mx.Slot("calls", shape=()), "velocity")
        state_version = 2

        def upgrade_state(self, from_version: int, slots: Any) -> Any:
            assert from_version == 1
            return {"velocity": slots["momentum"], "calls": 0}

        @staticmethod
        def rule(weight: Any, grad: Any, calls: Any, velocity: Any, *, lr: Any) -> Any:
            velocity = 0.9 * velocity - lr * grad
            return weight + velocity, calls + 1, velocity

    First.__name__ = Second.__name__ = "Versioned"
    return First, Second


@pytest.mark.parametrize("wrapped", [False, True])
def test_a_state_of_an_older_version_is_upgraded(wrapped: bool) -> None:
    first_class, second_class = versions()

    def made(cls: Any) -> Any:
        inner = cls(learning_rate=0.1)
        return mx.optimizer.get_updater(mx.optimizer.create("average", inner) if wrapped else inner)

    first, weights = made(first_class), ones()
    run(first, weights, 0, 3)
    state = first.get_states()
    others = [weight.copy() for weight in weights]
    wanted = run(first, weights, 3, 6)
    second = made(second_class)
    second.set_states(state)
    assert run(second, others, 3, 6) == wanted
    assert second.optimizer.host_numbers["fc_weight"]["inner/calls" if wrapped else "calls"] == 3
    newer = second.get_states()
    with pytest.raises(ValueError, match="has version 2, and this one reads up to 1: install a newer plugin"):
        made(first_class).set_states(newer)


def test_a_class_without_an_upgrade_says_so() -> None:
    first_class, second_class = versions()
    del second_class.upgrade_state
    first = mx.optimizer.get_updater(first_class(learning_rate=0.1))
    run(first, ones(), 0, 1)
    state = first.get_states()
    second = mx.optimizer.get_updater(second_class(learning_rate=0.1))
    with pytest.raises(
        ValueError, match="cannot be upgraded from version 1 to 2: Versioned does not define upgrade_state"
    ):
        second.set_states(state)
