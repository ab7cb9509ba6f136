"""Complex weights, which are updated as pairs of real numbers."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rule_runs import CLASSES, RULES

import mxcore as mx
from mxcore.kernel.run import choose
from mxcore.kernel.run.direct import DirectPlan
from mxcore.testing.subject import required

FOLDER = Path(__file__).parent / "golden/composed"
RECORD = json.loads((FOLDER / "complex.json").read_text("utf-8"))
NAMES = [name for name in RULES if not required(CLASSES[name])]
LAYOUTS: dict[str, Callable[[Any], Any]] = {
    "C": np.array,
    "Fortran": lambda array: np.array(array, order="F"),
    "strided": lambda array: np.repeat(array, 2, axis=-1)[..., ::2],
    "reversed": lambda array: np.array(array[::-1])[::-1],
}
Arrays = list[Any]


def pairs(array: Any) -> Any:
    """Return a complex array as a new real one with a further axis of length 2, or twice as long if it is a vector."""
    real = np.array(array)[..., None].view(array.real.dtype).copy()
    return real if array.ndim > 1 else real.reshape(-1)


def drawn(seed: int, shape: tuple[int, ...], dtype: Any) -> Any:
    rng = np.random.default_rng(seed)
    return (rng.normal(size=shape) + 1j * rng.normal(size=shape)).astype(dtype)


def run(optimizer: Any, weights: Arrays, change: Callable[[Any], Any] = np.array, steps: int = 4) -> Any:
    """Update weights in place from gradients that depend on the step alone; return the updater."""
    updater, dtype = mx.optimizer.get_updater(optimizer), np.result_type(weights[0].dtype, np.complex64)
    for step in range(steps):
        shapes = [(4, 3), (5,), (2, 3, 2)]
        updater(list("abc"), [change(drawn(10 * step + k, shape, dtype)) for k, shape in enumerate(shapes)], weights)
    return updater


@pytest.fixture(params=["llvm", "numpy", "directly"])
def kernel(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Any:
    if request.param == "directly":
        monkeypatch.setattr(choose, "plan_of", DirectPlan)
    mx.kernel.use("numpy" if request.param == "directly" else request.param)
    yield request.param
    mx.kernel.use(None)


@pytest.mark.sampled(3)
@pytest.mark.usefixtures("kernel")
@pytest.mark.parametrize("dtype", [np.complex64, np.complex128])
@pytest.mark.parametrize("name", NAMES)
def test_a_rule_updates_complex_weights_as_pairs_of_real_ones(name: str, dtype: Any) -> None:
    settings = {**CLASSES[name].examples[0], "clip_gradient": 1.0, "wd": 0.01, "clip_global_norm": 3.0}
    weights = [drawn(100 + k, shape, dtype) for k, shape in enumerate([(4, 3), (5,), (2, 3, 2)])]
    real = list(map(pairs, weights))
    updater = run(mx.optimizer.create(name, **settings), weights)
    other = run(mx.optimizer.create(name, **settings), real, pairs)
    for weight, pair in zip(weights, real, strict=True):
        np.testing.assert_array_equal(pairs(weight), pair)
    for state, twin in zip(_leaves(updater.states), _leaves(other.states), strict=True):
        assert state.dtype == dtype
        np.testing.assert_array_equal(pairs(state), twin)
    assert updater.optimizer.model_numbers == other.optimizer.model_numbers


def _leaves(states: Any) -> list[Any]:
    if isinstance(states, dict):
        states = tuple(states[index] for index in "abc")
    if isinstance(states, tuple):
        return [leaf for state in states for leaf in _leaves(state)]
    return [] if states is None else [states]


@pytest.mark.usefixtures("kernel")
@pytest.mark.parametrize("layout", LAYOUTS)
def test_the_layout_of_complex_arrays_makes_no_difference(layout: str) -> None:
    change = LAYOUTS[layout]
    plain, other = ([drawn(k, shape, np.complex64) for k, shape in enumerate([(4, 3), (5,), (2, 3, 2)])] for _ in "ab")
    other = list(map(change, other))
    run(mx.optimizer.create("lamb"), plain)
    run(mx.optimizer.create("lamb"), other, change)
    for one, two in zip(plain, other, strict=True):
        np.testing.assert_array_equal(one, two)


@pytest.mark.usefixtures("kernel")
def test_a_row_has_both_parts_of_its_numbers() -> None:
    updater = mx.optimizer.get_updater(mx.optimizer.create("agc(sgd)", learning_rate=1.0, clipping=0.5))
    weight = np.array([[3 + 4j, 0], [0, 1j]])
    updater("fc_weight", np.array([[30j, 40], [0.1, 0]]), weight)
    # The norms of the rows are 5 and 1, those of the gradient 50, which is clipped to 0.5 · 5, and 0.1.
    np.testing.assert_allclose(weight, [[3 + 2.5j, -2], [-0.1, 1j]])
    assert mx.norm(np.array([3j, 4])) == 5
    np.testing.assert_array_equal(mx.norm(np.array([[3j, 4], [0, 1 + 1j]]), over="row").ravel(), [5, 2**0.5])


@pytest.mark.parametrize("number", range(len(RECORD["cases"])))
def test_complex_weights_follow_torch(number: int) -> None:
    case = RECORD["cases"][number]
    conventions = {**CLASSES[case["name"]].conventions.get("torch", {}), **case["arguments"]}
    update = mx.optimizer.get_updater(mx.optimizer.create(case["name"], learning_rate=RECORD["rate"], **conventions))
    with np.load(FOLDER / "complex.npz") as arrays:
        weights = [arrays[f"w0/{k}"].copy() for k in range(3)]
        for step in range(20):
            update(["a_weight", "b_weight", "c_weight"], [arrays[f"g/{k}"][step] for k in range(3)], weights)
            for k, weight in enumerate(weights):
                wanted = arrays[f"{number}/{k}"][step]
                assert (abs(weight - wanted) <= 2e-6 * np.maximum(1, abs(wanted))).all()


def test_a_run_resumes_to_the_bit(tmp_path: Path) -> None:
    def started() -> Any:
        return mx.optimizer.get_updater(mx.optimizer.create("average(adam)", accumulate=2))

    def steps(updater: Any, weight: Any, some: range) -> None:
        for step in some:
            updater("w", np.asfortranarray(drawn(step, (3, 4), np.complex64)), weight)

    through, weight = started(), np.ones((3, 4), np.complex64)
    steps(through, weight, range(7))
    first, half = started(), np.ones((3, 4), np.complex64)
    steps(first, half, range(3))
    (tmp_path / "run").write_bytes(first.get_states(dump_optimizer=True))
    second = started()
    second.set_states((tmp_path / "run").read_bytes())
    steps(second, half, range(3, 7))
    np.testing.assert_array_equal(half, weight)
    with second.evaluating([half], ["w"]), through.evaluating([weight], ["w"]):
        np.testing.assert_array_equal(half, weight)


def test_arrays_are_saved_with_their_dtype_and_memory_order(tmp_path: Path) -> None:
    given = {
        "a": np.asfortranarray(drawn(1, (3, 4), np.complex64)),
        "b": np.array(1 + 2j),
        "c": np.zeros((0, 3), np.complex64),
        "d": drawn(2, (4, 3, 2), np.complex128).transpose(1, 2, 0),
    }
    mx.state.save_arrays(tmp_path / "arrays.safetensors", given)
    loaded, _ = mx.state.load_arrays(tmp_path / "arrays.safetensors")
    for name, array in given.items():
        assert (loaded[name].dtype, loaded[name].shape) == (array.dtype, array.shape)
        np.testing.assert_array_equal(loaded[name], array)
    assert loaded["a"].flags.f_contiguous


def test_infinite_parts_are_found() -> None:
    updater = mx.optimizer.get_updater(mx.optimizer.create("sgd", learning_rate=1.0, on_nonfinite="skip"))
    weight = np.zeros(2, np.complex64)
    updater("w", np.array([1, complex(0, np.inf)], np.complex64), weight)
    np.testing.assert_array_equal(weight, 0)


@pytest.mark.parametrize("name", ["muon", "adafactor", "lbsgd", "soap", "sm3", "lookahead(muon)"])
def test_array_code_refuses_complex_weights_and_changes_nothing(name: str) -> None:
    updater = mx.optimizer.get_updater(mx.optimizer.create(name))
    weight = np.ones((2, 2), np.complex64)
    with pytest.raises(TypeError, match=r"parameter 'w' is complex64, but .* updates real weights only: use an .*"):
        updater("w", 1j * weight, weight)
    np.testing.assert_array_equal(weight, 1)
    assert not updater.states
    assert not updater.optimizer.num_update


def test_real_gradients_of_complex_weights_are_refused() -> None:
    updater = mx.optimizer.get_updater(mx.optimizer.create("sgd"))
    with pytest.raises(TypeError, match="the gradient is float32, the weight complex64"):
        updater("w", np.ones(2, np.float32), np.ones(2, np.complex64))
