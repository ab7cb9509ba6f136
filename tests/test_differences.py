"""The intentional differences from MXNet 1.9.1, and the page that lists them.

Differences of several classes are tested here; those of a single class are tested beside it. `differences.json` lists
the tests for each row of the page.
"""

import ast
import json
import logging
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

import mxcore as mx
from mxcore.initializer import InitDesc
from mxcore.optimizer import Optimizer, Updater
from mxcore.testing.subject import looks_at_all

Array = npt.NDArray[Any]
ROOT = Path(__file__).resolve().parent.parent


def installed(kind: str) -> dict[str, type[Any]]:
    return {record.class_name: mx.catalogue.load_record(record) for record in mx.catalogue.records(kind)}


OPTIMIZERS, INITIALIZERS, SCHEDULERS = map(installed, ("optimizer", "initializer", "lr_scheduler"))
OPTIMIZERS = {  # what consists of others is theirs
    name: cls for name, cls in OPTIMIZERS.items() if not (issubclass(cls, mx.optimizer.Wrapper) or cls.takes_lists)
}
every_optimizer = pytest.mark.parametrize("cls", OPTIMIZERS.values(), ids=OPTIMIZERS)
every_scheduler = pytest.mark.parametrize("cls", SCHEDULERS.values(), ids=SCHEDULERS)
every_scheduler_of_mxnet = pytest.mark.parametrize(
    "cls", [cls for cls in SCHEDULERS.values() if not issubclass(cls, mx.lr_scheduler.Curve)]
)


def numbers(seed: int, *shape: int, dtype: Any = np.float64) -> Array:
    return np.random.default_rng(seed).normal(size=shape).astype(dtype)


def leaves(state: Any) -> Iterator[Array]:
    if isinstance(state, tuple):
        for part in state:
            yield from leaves(part)
    elif state is not None:
        yield state


def with_own(name: str) -> list[Any]:
    """Return the optimizers that have a hyper-parameter of this name."""
    return [pytest.param(cls, id=key) for key, cls in OPTIMIZERS.items() if hasattr(cls(), name)]


# --- learning rates and schedules ------------------------------------------------------------------------------------


@every_optimizer
def test_a_given_rate_overrides_the_schedulers_everywhere(cls: type[Optimizer]) -> None:
    schedule = mx.lr_scheduler.CosineScheduler(10, base_lr=0.5)
    assert cls(lr_scheduler=schedule).learning_rate == 0.5
    assert cls(learning_rate=0.25, lr_scheduler=schedule).learning_rate == schedule.base_lr == schedule(0) == 0.25


@every_scheduler_of_mxnet
def test_a_new_base_rate_moves_the_warm_up_and_the_decay(cls: type[Any]) -> None:
    schedule, other = (cls(**cls.examples[0], base_lr=rate, warmup_steps=4) for rate in (0.5, 0.25))
    schedule.base_lr = 0.25
    assert schedule(np.arange(100)).tolist() == other(np.arange(100)).tolist()


@every_scheduler
def test_schedules_are_pure(cls: type[Any]) -> None:
    schedule = cls(**cls.examples[0])
    forwards = [schedule(update) for update in range(200)]
    assert [schedule(update) for update in reversed(range(200))] == forwards[::-1]


@every_scheduler_of_mxnet
def test_schedules_hold_their_final_rate_after_the_end(cls: type[Any]) -> None:
    schedule = cls(**cls.examples[0])
    assert schedule(10**7) == schedule(10**6)


@pytest.mark.parametrize("cls", [mx.lr_scheduler.PolyScheduler, mx.lr_scheduler.CosineScheduler])
def test_a_warm_up_that_leaves_no_update_is_refused(cls: type[Any]) -> None:
    with pytest.raises(ValueError, match="warmup_steps must be less than max_update=5, got 5"):
        cls(max_update=5, warmup_steps=5)


def test_the_steps_of_a_schedule_may_be_a_tuple() -> None:
    one, other = (mx.lr_scheduler.MultiFactorScheduler(steps, 0.5) for steps in ((2, 4), [2, 4]))
    assert one(np.arange(9)).tolist() == other(np.arange(9)).tolist()


# --- arrays and state ------------------------------------------------------------------------------------------------


@every_optimizer
def test_gradients_are_never_written_to(cls: type[Optimizer]) -> None:
    weight, grad = numbers(0, 3, 2), numbers(1, 3, 2)
    grad.flags.writeable = False
    update = mx.optimizer.get_updater(cls(**cls.examples[0], rescale_grad=0.5, clip_gradient=0.1))
    update(0, grad, weight)
    update([0], [grad], [weight])
    assert grad.tobytes() == numbers(1, 3, 2).tobytes()


@every_optimizer
@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
@pytest.mark.filterwarnings("ignore:.*without multi_precision:UserWarning")
def test_state_has_the_dtype_of_its_weight(cls: type[Optimizer], dtype: str) -> None:
    update, weight = mx.optimizer.get_updater(cls(**cls.examples[0])), numbers(0, 3, 2, dtype=dtype)
    update(0, numbers(1, 3, 2, dtype=dtype), weight)
    assert {array.dtype.name for array in [weight, *leaves(update.states[0])]} == {dtype}


@every_optimizer
def test_the_master_weight_comes_first_in_the_state(cls: type[Optimizer]) -> None:
    update, weight = (
        mx.optimizer.get_updater(cls(**cls.examples[0], multi_precision=True)),
        numbers(0, 3, 2, dtype=np.float16),
    )
    update(0, numbers(1, 3, 2, dtype=np.float16), weight)
    master, _ = update.states[0]
    assert master.dtype == np.float32
    assert master.astype(np.float16).tobytes() == weight.tobytes()


@every_optimizer
def test_empty_arrays_are_updated_like_any_other(cls: type[Optimizer]) -> None:
    update = mx.optimizer.get_updater(cls(**cls.examples[0]))
    update([0, 1], [np.ones((0, 2)), np.ones(2)], [np.ones((0, 2)), np.ones(2)])
    assert update.optimizer._index_update_count == {0: 1, 1: 1}


@pytest.mark.parametrize("cls", [cls for cls in OPTIMIZERS.values() if not looks_at_all(cls(**cls.examples[0]))])
def test_no_parameter_depends_on_its_neighbours(cls: type[Optimizer]) -> None:
    def trained(order: list[int]) -> dict[int, bytes]:
        names = {index: f"p{index}_weight" for index in range(6)}
        mx.random.seed(1)
        optimizer = cls(**cls.examples[0], param_idx2name=names)
        update, weights = mx.optimizer.get_updater(optimizer), {index: numbers(index, 3, 2) for index in order}
        for step in range(1, 4):
            optimizer.set_learning_rate(0.1 / step)
            update(order, [numbers(9 * step + index, 3, 2) for index in order], list(weights.values()))
        return {index: weight.tobytes() for index, weight in weights.items()}

    together = trained([0, 1, 2, 3, 4, 5])
    assert trained([5, 3, 1, 0, 2, 4]) == together
    assert trained([4]) == {4: together[4]}


def test_a_list_is_not_cut_as_the_environment_says(monkeypatch: pytest.MonkeyPatch) -> None:
    def trained() -> list[bytes]:
        optimizer = mx.optimizer.LARS(momentum=0.5, learning_rate=0.5)
        update, weights = mx.optimizer.get_updater(optimizer), [numbers(index, 3) for index in range(6)]
        for rate in (0.5, 0.25):
            optimizer.set_learning_rate(rate)
            update(list(range(6)), [numbers(6 + index, 3) for index in range(6)], weights)
        return [weight.tobytes() for weight in weights]

    wanted = trained()
    for size in ("0", "4"):
        monkeypatch.setenv("MXNET_OPTIMIZER_AGGREGATION_SIZE", size)
        assert trained() == wanted


def trained(optimizer: Optimizer, steps: int) -> Updater:
    update, weight = mx.optimizer.get_updater(optimizer), np.ones(3)
    for _ in range(steps):
        update(0, np.ones(3), weight)
    return update


def test_each_updater_counts_for_itself() -> None:
    optimizer, first, second = mx.optimizer.Adam(0.1), np.ones(1), np.ones(1)
    for weight in (first, second):
        mx.optimizer.get_updater(optimizer)(0, np.ones(1), weight)
    assert first == second
    assert optimizer._index_update_count == {0: 1}


@every_optimizer
def test_saved_states_carry_the_counters(cls: type[Optimizer]) -> None:
    again = mx.optimizer.get_updater(cls(**cls.examples[0]))
    again.set_states(trained(cls(**cls.examples[0]), 3).get_states())
    assert again.optimizer._index_update_count == {0: 3}
    assert again.optimizer.num_update == 3


def test_states_may_come_with_another_optimizer() -> None:
    saved = trained(mx.optimizer.Adam(), 2).get_states(dump_optimizer=True)
    update, weight = trained(mx.optimizer.SGD(), 1), np.ones(3)
    with pytest.warns(UserWarning, match="the optimizer, now Adam"):
        update.set_states(saved)
    update([0], [np.ones(3)], [weight])
    assert type(update.optimizer) is mx.optimizer.Adam
    assert (weight < 1).all()


# --- hyper-parameters ------------------------------------------------------------------------------------------------


@every_optimizer
def test_hyper_parameters_are_checked_when_given_and_when_assigned(cls: type[Optimizer]) -> None:
    with pytest.raises(ValueError, match="rescale_grad must be a finite number, got 'half'"):
        cls(rescale_grad="half")
    optimizer = cls()
    with pytest.raises(ValueError, match="rescale_grad must be a finite number, got 'half'"):
        optimizer.rescale_grad = "half"
    assert optimizer.rescale_grad == 1


@every_optimizer
def test_clip_gradient_is_off_or_positive(cls: type[Optimizer]) -> None:
    assert cls(clip_gradient=None).clip_gradient is None
    for bad in (0, -1.0):
        with pytest.raises(ValueError, match=rf"clip_gradient must be .*above 0.*, got {bad}"):
            cls(clip_gradient=bad)


@pytest.mark.parametrize("cls", with_own("momentum"))
def test_a_negative_momentum_is_refused(cls: type[Optimizer]) -> None:
    with pytest.raises(ValueError, match=r"momentum must be in [\[(]0, 1.*, got -0\.9"):
        cls(momentum=-0.9)


@pytest.mark.parametrize(("name", "bound"), [("rmsprop", "clip_weights"), ("lamb", "upper_bound")])
def test_a_bound_of_zero_is_refused(name: str, bound: str) -> None:
    assert getattr(mx.optimizer.create(name), bound) is None
    with pytest.raises(ValueError, match=rf"{bound} must be .*above 0.*, got 0"):
        mx.optimizer.create(name, **{bound: 0})


def test_the_test_optimizer_is_not_shipped() -> None:
    with pytest.raises(mx.catalogue.UnknownNameError, match="cannot find optimizer 'test'"):
        mx.optimizer.create("test")


# --- initializers ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "bad", "message"),
    [
        ("xavier", {"factor_type": "out "}, "factor_type must be one of 'avg', 'in', 'out', got 'out '"),
        ("xavier", {"rnd_type": "normal"}, "rnd_type must be one of 'uniform', 'gaussian', got 'normal'"),
        ("msraprelu", {"factor_type": "both"}, "factor_type must be one of 'avg', 'in', 'out', got 'both'"),
        ("orthogonal", {"rand_type": "gaussian"}, "rand_type must be one of 'uniform', 'normal', got 'gaussian'"),
        ("normal", {"sigma": -1}, "sigma must be a number of at least 0, got -1"),
    ],
)
def test_initializers_check_their_arguments_when_they_are_made(name: str, bad: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        mx.init.create(name, **bad)


@pytest.mark.parametrize("text", ["one", "One", '["one", {}]', '{"initializer": "one"}'])
def test_text_works_wherever_an_initializer_does(text: str) -> None:
    mixed = mx.init.Mixed([".*"], [text])
    load = mx.init.Load({}, text)
    for initializer in (mx.init.create(text), mixed, load, mx.init.create(mixed.dumps())):
        array = np.zeros(2)
        initializer("fc_weight", array)
        assert array.tolist() == [1, 1]
    array = np.zeros(2)
    mx.init.Zero()(InitDesc("fc_weight", {"__init__": text}), array)
    assert array.tolist() == [1, 1]


def test_load_and_mixed_are_initializers() -> None:
    for initializer in (mx.init.Load({"fc_weight": [3.0]}), mx.init.Mixed([".*"], [mx.init.Constant(3)])):
        assert isinstance(initializer, mx.init.Initializer)
        array = np.zeros(1)
        mx.init.Zero()(InitDesc("fc_weight", {"__init__": initializer.dumps()}), array)
        assert array.tolist() == [3]


def test_msraprelu_has_no_arguments_that_it_ignores() -> None:
    assert not isinstance(mx.init.MSRAPrelu(), mx.init.Xavier)
    with pytest.raises(TypeError, match="MSRAPrelu has no argument 'magnitude'"):
        mx.init.MSRAPrelu(magnitude=3)


@pytest.mark.parametrize("cls", INITIALIZERS.values(), ids=INITIALIZERS)
def test_a_bias_is_zero(cls: type[Any]) -> None:
    array = np.ones(4)
    cls(**cls.examples[0])("fc_bias", array)
    assert array.tolist() == [0] * 4


# --- messages --------------------------------------------------------------------------------------------------------


def test_messages_are_not_printed(capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    mx.optimizer.SGD(learning_rate=0.1, lr_scheduler=mx.lr_scheduler.FactorScheduler(1, base_lr=0.5))
    mx.init.Load({"a_weight": [1.0]}, verbose=True)("a_weight", np.empty(1))
    update = mx.optimizer.get_updater(mx.optimizer.SGD())
    with pytest.warns(UserWarning, match="without multi_precision"):
        update(0, np.ones(1, np.float16), np.ones(1, np.float16))
    assert "base_lr of the scheduler changed from 0.5" in caplog.text
    assert "Initialized a_weight: loaded" in caplog.text
    assert capfd.readouterr() == ("", "")


# --- the page --------------------------------------------------------------------------------------------------------


TESTS: dict[str, dict[str, list[str]]] = json.loads((ROOT / "tests/differences.json").read_text("utf-8"))
LISTED = {test for rows in TESTS.values() for tests in rows.values() for test in tests}


def page() -> dict[str, list[list[str]]]:
    """Return the cells of every row of the tables of differences, by the heading above them."""
    found: dict[str, list[list[str]]] = {}
    heading = ""
    for line in (ROOT / "docs/guides/mxnet.md").read_text("utf-8").splitlines():
        heading = line.lstrip("# ") if line.startswith("#") else heading
        cells = re.split(r" *\| *", line)[1:-1] if line.startswith("| ") else []
        if cells and cells[0]:
            found.setdefault(heading, []).append(cells)
    return found


def functions(file: Path) -> set[str]:
    tree = ast.parse(file.read_text("utf-8"))
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")}


def test_the_page_gives_for_each_difference_what_it_was_what_it_is_and_why() -> None:
    rows = [row for rows in page().values() for row in rows]
    assert len(rows) > 50
    assert [row for row in rows if len(row) != 4 or not all(row)] == []


def test_each_difference_of_the_page_has_a_test() -> None:
    files = [*ROOT.glob("tests/test_*.py"), *ROOT.glob("plugins/**/tests/test_*.py")]
    written = set().union(*map(functions, files))
    assert {heading: [row[0] for row in rows] for heading, rows in page().items()} == {
        heading: list(rows) for heading, rows in TESTS.items()
    }
    assert all(tests for rows in TESTS.values() for tests in rows.values())
    assert written >= LISTED


def test_every_test_of_a_difference_is_listed() -> None:
    here = {name for name in functions(Path(__file__)) if "page" not in name and "listed" not in name}
    assert here <= LISTED


def test_every_class_that_differs_is_on_the_page() -> None:
    text = " ".join(" ".join(row) for rows in page().values() for row in rows)
    for cls in [*OPTIMIZERS.values(), *INITIALIZERS.values(), *SCHEDULERS.values()]:
        found = re.search(r"Differs from MXNet 1\.9\.1: (.*)", cls.__doc__ or "", re.DOTALL)
        same = found is None or found[1].startswith(("MXNet has no", "nothing"))
        assert same or cls.__name__ in text or cls.__name__.removesuffix("Scheduler") in text, cls
