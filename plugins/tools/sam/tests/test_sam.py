"""SAM goes uphill by its formula, comes back to the bit, and then updates as the optimizer does."""

import copy
import pickle
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import pytest

import mxcore as mx

DTYPES = [np.float16, ml_dtypes.bfloat16, np.float32, np.float64]
SHAPES = {"fc_weight": (70, 70), "fc_bias": (5,), "scale": ()}
OPTIMIZERS = [
    "sgd", "sgd(momentum=0.9, wd=0.1, clip_gradient=0.5)", "adam(clip_global_norm=0.1)", "average(adam, beta=0.9)",
    "cautious(lookahead(nag, k=2))", "dcasgd(momentum=0.9)", "groupadagrad",
]  # fmt: skip


def arrays(seed: int, dtype: Any = np.float64, shapes: Any = SHAPES) -> dict[str, Any]:
    rng = np.random.default_rng(seed)
    return {name: np.asarray(rng.normal(size=shape)).astype(dtype) for name, shape in shapes.items()}


def bits(tree: dict[str, Any]) -> list[bytes]:
    return [array.tobytes() for array in tree.values()]


def trained(sam: Any, weights: dict[str, Any], steps: range) -> dict[str, Any]:
    for step in steps:
        sam.first_step(arrays(2 * step, weights["fc_bias"].dtype), weights)
        sam.second_step(arrays(2 * step + 1, weights["fc_bias"].dtype), weights)
    return weights


@pytest.mark.parametrize("adaptive", [False, True])
def test_the_first_step_is_the_formula_over_all_weights_whatever_their_dtypes(adaptive: bool) -> None:
    weights, grads = arrays(1), arrays(2)
    for tree in (weights, grads):
        tree["fc_weight"] = tree["fc_weight"].astype(np.float32)
    wanted, given = copy.deepcopy(weights), copy.deepcopy(grads)
    scale = {name: abs(weight.astype(np.float64)) if adaptive else 1.0 for name, weight in weights.items()}
    norm = np.sqrt(sum(((scale[name] * grad.astype(np.float64)) ** 2).sum() for name, grad in grads.items())) + 0.5
    mx.SAM("sgd", rho=0.3, adaptive=adaptive, epsilon=0.5).first_step(grads, weights)
    for name, weight in wanted.items():
        reached = weight + 0.3 / norm * scale[name] ** 2 * grads[name].astype(np.float64)
        tolerance = 1e-6 if weight.dtype == np.float32 else 1e-13
        np.testing.assert_allclose(weights[name], reached, rtol=tolerance, atol=tolerance)
    assert bits(grads) == bits(given)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.filterwarnings("ignore:.*is not applied to")
def test_an_update_is_the_optimizer_s_with_the_second_gradients_to_the_bit(optimizer: str, dtype: Any) -> None:
    shapes = {"fc_weight": (70, 70), "fc_bias": (5,)}
    found = []
    for perturbs in (False, True):
        sam, weights = mx.SAM(optimizer, rho=0.5, learning_rate=0.1, multi_precision=True), arrays(1, dtype, shapes)
        for step in range(4):
            if perturbs:
                sam.first_step(arrays(10 + step, dtype, shapes), weights)
                sam.second_step(arrays(20 + step, dtype, shapes), weights)
            else:
                sam.update(arrays(20 + step, dtype, shapes), weights)
        found.append((bits(weights), sam.get_states(), sam.optimizer.num_update))
    assert found[0] == found[1]
    assert found[0][2] == 4


@pytest.mark.parametrize("dtype", DTYPES)
def test_undo_brings_every_bit_back_even_of_numbers_that_are_none(dtype: Any) -> None:
    values = [0.0, -0.0, np.inf, -np.inf, np.nan, 1e-42, 6e-8, 1.0]
    weight = np.array(values, np.float64).astype(dtype)
    before, sam = weight.tobytes(), mx.SAM("sgd", rho=1.0)
    sam.first_step("w", np.array(values[::-1], np.float64).astype(dtype), weight)
    assert weight.tobytes() != before
    sam.undo(weight, "w")
    assert (weight.tobytes(), sam.is_perturbed, sam.states) == (before, False, {})


def test_containers_lists_and_one_call_are_the_same() -> None:
    found = []
    for way in ("containers", "lists", "step", "step with indices"):
        sam, model = mx.SAM("adam", learning_rate=0.1), {"fc": {"weight": np.ones((2, 2))}, "more": [np.ones(3)]}
        flat = [model["fc"]["weight"], model["more"][0]]
        calls: list[Any] = []

        def gradients(_: Any, calls: Any = calls, flat: Any = flat, nested: bool = "with" not in way) -> Any:
            calls.append(1)
            grads = [np.sin(weight + len(calls)) for weight in flat]
            return {"fc": {"weight": grads[0]}, "more": [grads[1]]} if nested else grads

        for _ in range(3):
            if way == "step":
                sam.step(gradients, model)
            elif way == "step with indices":
                sam.step(gradients, flat, ["fc.weight", "more.0"])
            for make in (sam.first_step, sam.second_step) if way in ("containers", "lists") else ():
                grads = gradients(model)
                listed = [grads["fc"]["weight"], grads["more"][0]]
                make(grads, model) if way == "containers" else make(["fc.weight", "more.0"], listed, flat)
        assert len(calls) == 6
        found.append(([weight.tolist() for weight in flat], list(sam.states)))
    assert all(one == found[0] for one in found)


def test_a_parameter_without_a_gradient_stays_where_it_is() -> None:
    sam, weights = mx.SAM("sgd", rho=1.0, learning_rate=1.0), {"a": np.ones(1), "b": np.ones(1)}
    sam.step(lambda weights: {"a": np.ones(1), "b": None}, weights)
    assert {name: weight.tolist() for name, weight in weights.items()} == {"a": [0], "b": [1]}


def test_a_factor_on_the_gradients_does_not_change_where_the_first_step_goes_and_its_sign_does() -> None:
    reached = []
    for factor, rescale in ((1.0, 1.0), (1024.0, 1 / 1024), (1.0, -1.0)):
        sam, weight = mx.SAM("sgd", rho=0.5, epsilon=0, rescale_grad=rescale), np.array([1.0, 2.0])
        sam.first_step("w", factor * np.array([3.0, 4.0]), weight)
        reached.append(weight.round(12).tolist())
    assert reached == [[1.3, 2.4], [1.3, 2.4], [0.7, 1.6]]


def test_gradients_of_zero_perturb_nothing() -> None:
    for epsilon in (1e-12, 0):
        sam, weight = mx.SAM("sgd", epsilon=epsilon), np.ones(2)
        sam.first_step("w", np.zeros(2), weight)
        assert weight.tolist() == [1, 1]


def test_ordinary_updates_may_come_in_between_and_hooks_see_updates_only() -> None:
    class Watch:
        steps = 0

        @mx.hooks.hookimpl
        def mxcore_after_step(self, updater: Any) -> None:
            self.steps += 1

    watch = Watch()
    mx.hooks.register(watch)
    try:
        sam, weights = mx.SAM("adam"), arrays(1)
        sam.update(arrays(2), weights)
        sam.first_step(arrays(3), weights)
        assert watch.steps == 1
        sam.second_step(arrays(4), weights)
        assert (watch.steps, sam.optimizer.num_update) == (2, 2)
    finally:
        mx.hooks.unregister(watch)


# --- saving ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("optimizer", ["sgd(momentum=0.9)", "average(adam, beta=0.9)", "dcasgd(momentum=0.9)"])
@pytest.mark.parametrize("dtype", [np.float16, np.float32])
def test_resuming_gives_the_same_bits(optimizer: str, dtype: Any, tmp_path: Path) -> None:
    def start() -> Any:
        schedule = mx.lr_scheduler.create("cosine", max_update=10, base_lr=0.1)
        return mx.SAM(optimizer, rho=0.5, lr_scheduler=schedule, multi_precision=True)

    whole = trained(start(), arrays(1, dtype), range(6))
    sam, weights = start(), arrays(1, dtype)
    mx.save_state(tmp_path / "state", sam, trained(sam, weights, range(3)))
    sam, weights = start(), arrays(2, dtype)
    mx.load_state(tmp_path / "state", sam, weights)
    assert bits(trained(sam, weights, range(3, 6))) == bits(whole)


@pytest.mark.parametrize("again", [copy.deepcopy, lambda sam: pickle.loads(pickle.dumps(sam))])
def test_a_copy_goes_on_with_the_same_bits_even_from_between_the_steps(again: Any) -> None:
    sam, weights = mx.SAM("adam", rho=0.5, adaptive=True), trained(mx.SAM("sgd"), arrays(1), range(1))
    trained(sam, weights, range(2))
    sam.first_step(arrays(7), weights)
    copied, others = again(sam), copy.deepcopy(weights)
    for one, tree in ((sam, weights), (copied, others)):
        one.second_step(arrays(8), tree)
        trained(one, tree, range(2, 4))
    assert bits(weights) == bits(others)


def between() -> tuple[Any, dict[str, Any]]:
    sam, weights = mx.SAM("average(adam)", rho=0.5), arrays(1)
    trained(sam, weights, range(2))
    sam.first_step(arrays(7), weights)
    return sam, weights


@pytest.mark.parametrize(
    "call",
    [
        lambda sam, weights, path: mx.save_state(path, sam, weights),
        lambda sam, weights, path: mx.load_state(path.with_name("earlier"), sam, weights),
        lambda sam, weights, path: sam.get_states(),
        lambda sam, weights, path: sam.set_states(path.with_name("earlier").read_bytes()),
        lambda sam, weights, path: sam.first_step(arrays(8), weights),
        lambda sam, weights, path: sam.step(lambda weights: arrays(8), weights),
        lambda sam, weights, path: sam.update(arrays(8), weights),
        lambda sam, weights, path: sam("fc_bias", weights["fc_bias"], weights["fc_bias"]),
        lambda sam, weights, path: sam.bind(list(weights.values()), list(arrays(8).values()), list(weights))(),
        lambda sam, weights, path: sam.evaluating(weights).__enter__(),
        lambda sam, weights, path: sam.evaluation_weights(weights),
    ],
)
def test_between_the_steps_everything_else_is_refused(call: Any, tmp_path: Path) -> None:
    mx.save_state(tmp_path / "earlier", mx.SAM("average(adam)"), arrays(1))
    sam, weights = between()
    before = bits(weights)
    with pytest.raises(
        RuntimeError, match="while the weights are perturbed by first_step: call second_step or undo first"
    ):
        call(sam, weights, tmp_path / "new")
    assert (bits(weights), sam.is_perturbed, (tmp_path / "new").exists()) == (before, True, False)
    sam.second_step(arrays(8), weights)
    other, others = between()
    other.second_step(arrays(8), others)
    assert bits(weights) == bits(others)


# --- errors ----------------------------------------------------------------------------------------------------------


def test_a_second_step_or_undo_needs_a_first_one() -> None:
    sam, weights = mx.SAM("sgd"), arrays(1)
    for _ in range(2):
        with pytest.raises(RuntimeError, match="second_step without first_step: call first_step before"):
            sam.second_step(arrays(2), weights)
        with pytest.raises(RuntimeError, match="undo without first_step"):
            sam.undo(weights)
        trained(sam, weights, range(1))
    assert sam.optimizer.num_update == 2


def test_no_first_step_while_evaluation_weights_are_in_place() -> None:
    sam, weights = mx.SAM("average(sgd)"), arrays(1)
    trained(sam, weights, range(2))
    with sam.evaluating(weights), pytest.raises(RuntimeError, match="inside `with updater.evaluating"):
        sam.first_step(arrays(2), weights)


WRONG = [
    ({**arrays(2), "fc_bias": np.ones(6)}, r"'fc_bias': the gradient has shape \(6,\)"),
    ({**arrays(2), "fc_bias": np.ones(5, np.float16)}, "the gradient is float16, the weight float64"),
    ({**arrays(2), "fc_bias": [1.0] * 5}, "no gradient has the path 'fc_bias'"),
    ({**arrays(2), "more": np.ones(5)}, "no weight has the path 'more'"),
    ({**arrays(2), "fc_bias": None}, "lacks parameter 'fc_bias'"),
]


@pytest.mark.parametrize(("grads", "message"), WRONG)
@pytest.mark.parametrize("second", [False, True])
def test_what_does_not_fit_is_refused_and_nothing_changes(grads: Any, message: str, second: bool) -> None:
    sam, weights = mx.SAM("adam", rho=0.5), arrays(1)
    trained(sam, weights, range(1))
    if second:
        sam.first_step(arrays(7), weights)
    before = bits(weights)
    with pytest.raises((TypeError, ValueError), match=message):
        (sam.second_step if second else sam.first_step)(grads, weights)
    assert (bits(weights), sam.is_perturbed, sam.optimizer.num_update) == (before, second, 1)
    if not second:
        sam.first_step(arrays(7), weights)
    sam.second_step(arrays(8), weights)
    other, others = mx.SAM("adam", rho=0.5), arrays(1)
    trained(other, others, range(1))
    other.update(arrays(8), others)
    assert bits(weights) == bits(others)


def test_the_parameters_of_both_steps_are_the_same() -> None:
    sam, weights = mx.SAM("sgd"), {"a": np.ones(2), "b": np.ones(2)}
    sam.first_step({"a": np.ones(2)}, {"a": weights["a"]})
    with pytest.raises(ValueError, match="second_step has parameter 'b', unlike the first step"):
        sam.second_step({"a": np.ones(2), "b": np.ones(2)}, weights)
    with pytest.raises(ValueError, match=r"'a' has shape \(1,\), but in the first step it had shape \(2,\)"):
        sam.second_step({"a": np.ones(1)}, {"a": weights["a"][:1]})
    with pytest.raises(ValueError, match="'a' has dtype float32, but in the first step it had dtype float64"):
        sam.undo({"a": np.ones(2, np.float32)})
    sam.undo(weights)  # of which it takes those that it needs
    assert weights["a"].tolist() == [1, 1]


def test_weights_that_share_memory_are_refused() -> None:
    sam, weight = mx.SAM("sgd"), np.ones(3)
    with pytest.raises(ValueError, match="share memory"):
        sam.first_step([np.ones(2), np.ones(2)], [weight[:2], weight[1:]])
    assert (weight.tolist(), sam.is_perturbed) == ([1, 1, 1], False)


@pytest.mark.parametrize("at", [1, 2])
def test_gradients_that_cannot_be_computed_change_nothing(at: int) -> None:
    sam, weights, calls = mx.SAM("adam"), arrays(1), []

    def gradients(weights: Any) -> Any:
        calls.append(1)
        if len(calls) == at:
            raise KeyboardInterrupt
        return arrays(2)

    with pytest.raises(KeyboardInterrupt):
        sam.step(gradients, weights)
    assert (bits(weights), sam.is_perturbed, dict(sam.states)) == (bits(arrays(1)), False, {})


def test_an_update_that_fails_leaves_the_weights_of_before_the_first_step() -> None:
    class Refuse:
        @mx.hooks.hookimpl
        def mxcore_before_step(self, updater: Any) -> None:
            raise ZeroDivisionError

    sam, weights, refuse = mx.SAM("adam"), arrays(1), Refuse()
    sam.first_step(arrays(2), weights)
    mx.hooks.register(refuse)
    try:
        with pytest.raises(ZeroDivisionError):
            sam.second_step(arrays(3), weights)
    finally:
        mx.hooks.unregister(refuse)
    assert (bits(weights), sam.is_perturbed, dict(sam.states)) == (bits(arrays(1)), False, {})
    trained(sam, weights, range(1))


def test_its_arguments_are_checked_when_given_and_when_assigned() -> None:
    for arguments, message in (
        ({"rho": -1}, "rho must be"),
        ({"epsilon": -1}, "epsilon must be"),
        ({"adaptive": 2}, "adaptive must be"),
        ({"learning_rat": 1}, "did you mean 'learning_rate'"),
    ):
        with pytest.raises((TypeError, ValueError), match=message):
            mx.SAM("sgd", **arguments)
    sam = mx.SAM("sgd", epsilon=0)
    with pytest.raises(ValueError, match="rho must be"):
        sam.perturbation.rho = -1
    sam.perturbation.rho, weight = 2.0, np.zeros(1)
    sam.first_step("w", np.ones(1), weight)
    assert weight.tolist() == [2]


def test_it_says_what_it_is() -> None:
    sam, shown = mx.SAM("sgd", rho=0.1, learning_rate=0.5), repr(mx.optimizer.SGD(learning_rate=0.5))
    sam("w", np.ones(1), np.ones(1))
    assert repr(sam) == f"SAM({shown}, 1 parameter, num_update=1, rho=0.1, adaptive=False, epsilon=1e-12)"
    with pytest.raises(TypeError, match="'sam' needs optimizer, such as"):
        mx.optimizer.create("sam")


# --- settings of the optimizer ---------------------------------------------------------------------------------------


def test_frozen_parameters_are_not_perturbed() -> None:
    sam, weights = mx.SAM("sgd", rho=0.5, learning_rate=0.1), arrays(1)
    sam.optimizer.groups = {next(iter(weights)): {"frozen": True}}
    before = bits(weights)
    for make in (sam.first_step, sam.second_step):
        make(arrays(2), weights)
        assert [one == other for one, other in zip(bits(weights), before, strict=True)].index(False) == 1


def test_a_perturbation_goes_against_the_update_also_when_maximizing() -> None:
    up, down = mx.SAM("sgd", rho=0.5, maximize=True), mx.SAM("sgd", rho=0.5)
    ours, others = arrays(1), arrays(1)
    up.first_step(arrays(2), ours)
    down.first_step({name: -grad for name, grad in arrays(2).items()}, others)
    assert bits(ours) == bits(others)
